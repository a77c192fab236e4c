"""One click, as the edge writes it to the topic `clicks`: one flat JSON object, readable by any consumer.

Key: the guide's id, or the link's code where there is none. The JSON Schema is `schemas/events/click.v1.schema.json`;
the limits below are the same numbers. The edge never writes a full IP address: `ip` is a /24 or /48 prefix.
"""

from typing import Final, Literal, NotRequired, TypedDict

from schemas.codec import Contract, Instant, Text, Word
from schemas.registry import DESTINATION_KINDS
from schemas.rejects import Reject
from schemas.token import TEXT_LENGTH

CLICK_VERSION: Final = 1
MAX_CLICK_BYTES: Final = 16 * 1024
"""A longer record is rejected unread. The edge's own are below 4 KiB, by the limits below."""

MAX_ID: Final = 64
"""Characters of ids and codes: link, guide, store, region, campaign, variant, visitor, IP prefix."""
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
QR_QUERY: Final = "q=1"
"""What a QR code adds to a short link (`https://go.example.com/a8Xk2Pq?q=1`), so that its click says `qr`."""
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
    """`(unreadable)`: it had bytes beyond ASCII, so that its platform is not known."""
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


_ID = Text(MAX_ID)
_NAME = Text(MAX_ID, minimum=1)
_UTM = Text(MAX_UTM)
CONTRACT: Final = Contract(
    version=CLICK_VERSION,
    max_bytes=MAX_CLICK_BYTES,
    required={
        "id": Text(TEXT_LENGTH, minimum=TEXT_LENGTH),
        "ts": Instant(),
        "link": _NAME,
        "kind": Word(DESTINATION_KINDS),
        "outcome": Word(OUTCOMES),
        "fetch": Word(FETCHES),
        "visitor": _NAME,
        "visitor_kind": Word(VISITOR_KINDS),
    },
    optional={
        "guide": _ID,
        "store": _ID,
        "region": _ID,
        "campaign": _ID,
        "touchpoint": _ID,
        "variant": _ID,
        "trigger": Word(TRIGGERS),
        "ip": _ID,
        "ua": Text(MAX_USER_AGENT),
        "lang": Text(MAX_LANGUAGE),
        "ref": Text(MAX_REFERRER),
        **dict.fromkeys(UTM_FIELDS, _UTM),
    },
)


def decode_click(value: bytes | None, append_ms: int, future_ms: int) -> Click:
    """Parse and check one record of the topic `clicks`.

    Args:
        value: the record's value; null has its own reason.
        append_ms: when the broker appended the record, milliseconds since 1970 UTC.
        future_ms: how far `ts` may lie ahead of `append_ms`.

    Returns:
        The click with the fields of version 1; others are dropped.

    Raises:
        Reject: the click goes to dead letters with this reason.
    """
    click: Click = CONTRACT.read(value)
    ahead = click["ts"] - append_ms
    if ahead > future_ms:
        raise Reject("future", f"ts: {ahead} ms ahead of the broker's clock; the limit is {future_ms}")
    return click
