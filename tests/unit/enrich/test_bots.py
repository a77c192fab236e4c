import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from schemas.clicks import FETCHES
from schemas.enrichment import BOT_REASONS, HUMAN
from stream.enrich.bots import automation_of, verdict_of
from tests.support.user_agents import HUMANS

PHONE = HUMANS[0].user_agent


def test_a_persons_tap_is_human_and_one_shared_object() -> None:
    assert verdict_of(PHONE, "navigate", no_language=False) is HUMAN


@pytest.mark.parametrize(
    ("signs", "reasons"),
    [
        (("", "navigate", True), ("empty_user_agent",)),
        (("   ", "navigate", False), ("empty_user_agent",)),
        ((PHONE, "head", False), ("head",)),
        ((PHONE, "prefetch", False), ("prefetch",)),
        ((PHONE, "preview", False), ("preview",)),
        ((PHONE, "navigate", True), ("no_language",)),
        ((PHONE, "head", True), ("head", "no_language")),
        (("curl/8.5.0", "navigate", True), ("http_library",)),
        (("python-requests/2.32.3", "head", True), ("http_library", "head")),
        (("okhttp/4.12.0", "navigate", True), ("http_library",)),
        (("Go-http-client/2.0", "navigate", True), ("http_library",)),
        (("Java/17.0.11", "navigate", True), ("http_library",)),
        (("Dalvik/2.1.0 (Linux; U; Android 14; 23127PN0CC)", "navigate", True), ("http_library",)),
        (("WeChat/8.0.49 CFNetwork/1496.0.7 Darwin/23.5.0", "navigate", False), ("http_library",)),
        (("PostmanRuntime/7.39.0", "navigate", False), ("http_library",)),
        (
            ("Mozilla/5.0 (compatible; Baiduspider/2.0)", "head", True),
            ("crawler", "head", "no_language"),
        ),
        (("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", "navigate", False), ("crawler",)),
        (("Sogou web spider/4.0(+http://www.sogou.com/docs/help/webmasters.htm#07)", "navigate", False), ("crawler",)),
        (("Mozilla/5.0 (compatible; YisouSpider/5.0)", "navigate", False), ("crawler",)),
        (("Mozilla/5.0 (Linux; Android 5.0) AppleWebKit/537.36 Bytespider", "navigate", False), ("crawler",)),
        (("Mozilla/5.0 (X11; Linux) HeadlessChrome/126", "navigate", False), ("headless",)),
        (("facebookexternalhit/1.1", "preview", True), ("preview",)),
        (("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "navigate", True), ("preview",)),
    ],
)
def test_each_sign_of_a_program_is_named(signs: tuple[str, str, bool], reasons: tuple[str, ...]) -> None:
    verdict = verdict_of(*signs)
    assert not verdict.is_human
    assert verdict.reasons == reasons


def test_every_crawler_of_the_public_list_is_known() -> None:
    instances = [instance for entry in CRAWLER_USER_AGENTS_DATA for instance in entry["instances"]]
    assert len(instances) > 1_500
    assert [instance for instance in instances if not automation_of(instance)] == []


def test_reasons_are_words_of_the_closed_set() -> None:
    found = {
        reason
        for user_agent in ("", PHONE, "curl/8", "Googlebot/2.1", "HeadlessChrome", "facebookexternalhit/1.1")
        for fetch in FETCHES
        for reason in verdict_of(user_agent, fetch, no_language=True).reasons
    }
    assert found == BOT_REASONS
