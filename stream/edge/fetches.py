"""Who asks for a link, and how: by a person's tap, or by something that looks before a person does. Pure."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.clicks import MAX_USER_AGENT, Fetch
from stream.edge.text import clean

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


class Agent(NamedTuple):
    """A user agent: what is kept of its text, and whether it calls itself a link-preview fetcher."""

    text: str
    preview: bool


UNREADABLE: Final = Agent("(unreadable)", preview=False)
"""Who sent a text that the server cannot read, as phones do that have Chinese in their model's name."""


# A few thousand user agents make up nearly all traffic, so this saves most of what reading them costs; the engine
# lets 16 KiB of headers in, but such long ones are rare, and the bound holds 8 MB of usual ones.
@lru_cache(maxsize=8192)
def agent_of(header: str) -> Agent:
    """What a User-Agent header says."""
    text = clean(header, MAX_USER_AGENT)
    return Agent(text, _PREVIEW.search(text) is not None)


def fetch_of(method: str, agent: Agent, purpose: str) -> Fetch:
    """How it was asked for.

    Args:
        method: GET or HEAD.
        agent: who asks.
        purpose: the value of Sec-Purpose, Purpose or X-Moz, whichever is there: `prefetch`, `prefetch;prerender`,
            `preview` (Safari's top sites). All mean that nobody has tapped yet.
    """
    if method == "HEAD":
        return "head"
    if purpose and ("prefetch" in purpose.lower() or "preview" in purpose.lower()):
        return "prefetch"
    return "preview" if agent.preview else "navigate"
