"""What enrichment adds to a click: the value objects that travel from `stream.enrich` to windows and rows.

The parts are made once per distinct input and shared between clicks; they compare by identity, so that whoever encodes
rows may keep the encoded form per object.
"""

from dataclasses import dataclass
from typing import Final, Literal

import msgspec

Device = Literal["phone", "tablet", "desktop", "tv", "bot", "other"]
BotReason = Literal[
    "empty_user_agent",  # 未发送 User-Agent: no user agent was sent
    "crawler",  # 已知爬虫: a known crawler or monitoring service
    "http_library",  # HTTP 程序库: a programming library or command-line tool
    "headless",  # 无头浏览器: a browser that a program drives
    "head",  # HEAD 请求: only the headers were asked for
    "prefetch",  # 浏览器预取: a browser fetched it ahead of a tap
    "preview",  # 聊天软件链接预览: a chat's link-preview fetcher
    "no_language",  # 浏览器未发送语言: a browser always says Accept-Language; this one did not
]
BOT_REASONS: Final[frozenset[str]] = frozenset(BotReason.__args__)  # type: ignore[attr-defined]
ReferrerClass = Literal[
    "direct",  # 直接访问: no referrer
    "wechat",
    "xiaohongshu",
    "weibo",
    "douyin",
    "alipay",
    "taobao",
    "jd",
    "search",  # 搜索引擎
    "other",
]
REFERRER_CLASSES: Final[frozenset[str]] = frozenset(ReferrerClass.__args__)  # type: ignore[attr-defined]
EnrichError = Literal["agent", "verdict", "place", "referrer", "language"]
"""The enrichment that failed; its part of the row is the neutral value below."""


@dataclass(frozen=True, slots=True, eq=False)
class Agent:
    """What the user agent says: closed sets of words, `other` when unknown."""

    device: Device
    os: str
    browser: str
    platform: str


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Human or not, and why not: a click with any reason counts as no human click, and stays."""

    is_human: bool
    reasons: tuple[BotReason, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the address prefix is registered; empty strings where unknown."""

    country: str = ""
    """ISO 3166 alpha-2."""
    region: str = ""
    city: str = ""
    isp: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Referrer:
    """Where the visitor came from, if the browser said so."""

    host: str
    """Registrable domain (example.com.cn), lower case; empty for direct visits."""
    cls: ReferrerClass


UNKNOWN_AGENT: Final = Agent("other", "other", "other", "other")
HUMAN: Final = Verdict(is_human=True)
UNKNOWN_PLACE: Final = Place()
UNKNOWN_REFERRER: Final = Referrer("", "other")


class Enrichment(msgspec.Struct, frozen=True, eq=False, gc=False):
    """All of it for one click. Not a dataclass: one is made per click, and this is six times as fast to make."""

    agent: Agent
    verdict: Verdict
    place: Place
    referrer: Referrer
    language: str
    """Primary tag of Accept-Language as BCP 47 writes it (zh-CN, en), or empty."""
    errors: tuple[EnrichError, ...] = ()
