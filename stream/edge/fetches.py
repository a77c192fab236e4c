"""How a link was asked for: by a person's tap, or by something that looks before a person does. Pure."""

import re
from functools import lru_cache
from typing import Final

from schemas.clicks import Fetch

# Those that fetch a link to draw its card in a chat or a timeline, by what they call themselves. WeChat's own fetcher
# has the bare name of its network library; whatever looks like a browser cannot be told from one here, and is left to
# the bot rules of the worker.
_PREVIEW: Final = re.compile(
    r"DingTalkBot|MicroMessenger Client|facebookexternalhit|facebot|meta-external(?:hit|fetcher)|Twitterbot|Slackbot"
    r"|Slack-ImgProxy|TelegramBot|WhatsApp|Discordbot|LinkedInBot|SkypeUriPreview|MicrosoftPreview|BingPreview"
    r"|redditbot|Pinterestbot|vkShare|Viber|line-poker|kakaotalk-scrap|Mattermost-Bot|Mastodon|Embedly|Iframely"
    r"|Link ?Preview|URL ?Preview|Web Preview|LinkExpanding|Unfurl",
    re.IGNORECASE,
)


# The same user agents come again and again; the bound is that of `platform_of`.
@lru_cache(maxsize=8192)
def is_preview(user_agent: str) -> bool:
    """Whether a chat's or network's link-preview fetcher calls itself so."""
    return _PREVIEW.search(user_agent) is not None


def fetch_of(method: str, user_agent: str, purpose: str) -> Fetch:
    """How it was asked for.

    Args:
        method: GET or HEAD.
        user_agent: bounded.
        purpose: the value of Sec-Purpose, Purpose, X-Purpose or X-Moz, whichever is there: `prefetch`,
            `prefetch;prerender`, `preview` (Safari's top sites). All mean that nobody has tapped yet.
    """
    if method == "HEAD":
        return "head"
    if purpose and ("prefetch" in purpose.lower() or "preview" in purpose.lower()):
        return "prefetch"
    return "preview" if is_preview(user_agent) else "navigate"
