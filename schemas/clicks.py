"""One click, as the edge writes it to the topic `clicks`: one flat JSON object, readable by any consumer.

Key: the guide's id, or the link's code where there is none. The JSON Schema is `schemas/events/click.v1.schema.json`;
the limits below are the same numbers. The edge never writes a full IP address: `ip` is a /24 or /48 prefix.
"""

from typing import Final, Literal, NotRequired, TypedDict

CLICK_VERSION: Final = 1
MAX_CLICK_BYTES: Final = 16 * 1024
"""A longer record is rejected unread. The edge's own are below 4 KiB, by the limits below."""

MAX_ID: Final = 64
"""Characters of ids: guide, store, region, campaign, visitor."""
MAX_USER_AGENT: Final = 512
MAX_REFERRER: Final = 512
MAX_LANGUAGE: Final = 64
MAX_UTM: Final = 128

Outcome = Literal["redirected", "fallback", "wrong_platform", "expired", "not_yet", "disabled", "out_of_hours"]
OUTCOMES: Final[frozenset[str]] = frozenset(Outcome.__args__)  # type: ignore[attr-defined]
Fetch = Literal["navigate", "head", "prefetch", "preview"]
"""How it was asked for: a person's navigation, a HEAD, a browser's prefetch, a chat's link-preview fetcher."""
FETCHES: Final[frozenset[str]] = frozenset(Fetch.__args__)  # type: ignore[attr-defined]
Trigger = Literal["link", "qr"]
TRIGGERS: Final[frozenset[str]] = frozenset(Trigger.__args__)  # type: ignore[attr-defined]
VisitorKind = Literal["cookie", "hash"]
VISITOR_KINDS: Final[frozenset[str]] = frozenset(VisitorKind.__args__)  # type: ignore[attr-defined]
UTM_FIELDS: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")


class Click(TypedDict):
    """Version 1. Optional fields are left out when empty; every string is bounded as the constants say."""

    v: int
    id: str
    """The click token, 30 characters."""
    ts: int
    """When it was tapped: milliseconds since 1970 UTC by the edge's clock."""
    link: str
    """The short code."""
    kind: str
    """Destination kind."""
    outcome: str
    fetch: str
    visitor: str
    visitor_kind: str
    guide: NotRequired[str]
    """Who owned the link at `ts`; so with `store` and `region`: facts of the moment of the click."""
    store: NotRequired[str]
    region: NotRequired[str]
    campaign: NotRequired[str]
    touchpoint: NotRequired[str]
    variant: NotRequired[str]
    trigger: NotRequired[str]
    """`link` when left out."""
    ip: NotRequired[str]
    """Prefix in CIDR form: 203.0.113.0/24, 2001:db8:1::/48."""
    ua: NotRequired[str]
    lang: NotRequired[str]
    """Accept-Language as sent."""
    ref: NotRequired[str]
    """Referer without its query and fragment."""
    utm_source: NotRequired[str]
    """These five: what the visitor's destination was given, the link's own and what was passed through."""
    utm_medium: NotRequired[str]
    utm_campaign: NotRequired[str]
    utm_term: NotRequired[str]
    utm_content: NotRequired[str]
