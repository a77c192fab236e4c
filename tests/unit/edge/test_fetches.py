import pytest

from stream.edge.fetches import agent_of, fetch_of
from tests.support.edge import SAFARI, WECHAT

PREVIEWS = [
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) facebookexternalhit/1.1 Facebot Twitterbot/1.0",
    "Twitterbot/1.0",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.23.20.0",
    "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)",
    "LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)",
    "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
    "DingTalkBot-LinkService/1.0 (+https://open-doc.dingtalk.com/microapp/faquestions/ftpfeu)",
    "MicroMessenger Client",
    "Mozilla/5.0 (compatible; wxwork; LinkPreview/1.0)",
]


@pytest.mark.parametrize("user_agent", PREVIEWS)
def test_a_link_preview_fetcher_is_known_by_its_name(user_agent: str) -> None:
    assert fetch_of("GET", agent_of(user_agent), "") == "preview"


@pytest.mark.parametrize("user_agent", [WECHAT, SAFARI, "", "curl/8.5.0", "Mozilla/5.0 AliApp(DingTalk/7.6.0)"])
def test_people_and_those_who_do_not_say_navigate(user_agent: str) -> None:
    assert fetch_of("GET", agent_of(user_agent), "") == "navigate"


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender", "Prefetch", "preview", "prefetch;anonymous"])
def test_a_purpose_says_that_nobody_has_tapped_yet(purpose: str) -> None:
    assert fetch_of("GET", agent_of(SAFARI), purpose) == "prefetch"


def test_head_is_head_whoever_asks() -> None:
    assert fetch_of("HEAD", agent_of(PREVIEWS[0]), "prefetch") == "head"


def test_only_so_much_of_a_user_agent_is_kept() -> None:
    assert agent_of("x" * 16_000).text == "x" * 512
