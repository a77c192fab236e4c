"""What a customer is, counted again from all events at once, the slow and obvious way: the judge of the fold."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.attribution import Touch
from schemas.conversions import Conversion
from schemas.customers import order_key

OWN = [
    "friend_requested",
    "friend_added",
    "friend_deleted",
    "message_in",
    "group_joined",
    "lead",
    "page_view",
    "store_visit",
    "order_paid",
    "order_refunded",
    "shared",
    "referred",
    "satisfaction",
    "consent",
]


class Happened(NamedTuple):
    """One event of a customer, and the click that its token names."""

    event: Conversion
    time_ms: int
    touch: Touch | None = None


def recount(history: Sequence[Happened], contact_ms: int) -> dict[str, Any]:
    """Columns of a `CustomerRow` but those of thinned messages, by name; of few guides, tags and touches."""
    first, last = _touches(history)
    consents = [(at, event["properties"]["given"]) for event, at in _of(history, "consent")]
    consent_at = max((at for at, _ in consents), default=None)
    orders, refunds = _of(history, "order_paid"), _of(history, "order_refunded")
    referrals = [(at, str(event["properties"]["referred_by"])) for event, at in _of(history, "referred")]
    return {
        "relations": _relations(history),
        "first_added_at": min((at for _, at in _of(history, "friend_added")), default=None),
        **dict(zip(_touch_names("first"), first, strict=True)),
        **dict(zip(_touch_names("last"), last, strict=True)),
        "first_contact_at": _contact(history, contact_ms),
        "first_order_at": min((at for _, at in orders), default=None),
        "first_order": min(((at, order_key(event["order_id"])) for event, at in orders), default=(0, ""))[1],
        "last_order_at": max((at for _, at in orders), default=None),
        "orders": len({event["order_id"] for event, _ in orders}),
        "payments": len(orders),
        "paid_orders": tuple(sorted(Counter(order_key(event["order_id"]) for event, _ in orders).items())),
        "revenue": _sum(orders, "amount"),
        "refunds": _sum(refunds, "amount"),
        "margin": _sum(orders, "margin") - _sum(refunds, "margin"),
        "tags": _tags(history),
        "consent": ""
        if consent_at is None
        else "given"
        if all(given for at, given in consents if at == consent_at)
        else "withdrawn",
        "consent_at": consent_at,
        "last_active_at": max((one.time_ms for one in history if one.event["type"] in OWN), default=None),
        "referred_by": min(referrals, default=(0, ""))[1],
        "referred_at": min(referrals, default=(None, ""))[0],
    }


def _of(history: Sequence[Happened], *types: str) -> list[tuple[Conversion, int]]:
    return [(one.event, one.time_ms) for one in history if one.event["type"] in types]


def _sum(events: Sequence[tuple[Conversion, int]], field: str) -> int:
    return int(sum(Decimal(str(event.get(field, "0"))) for event, _ in events) * 10_000)


def _contact(history: Sequence[Happened], contact_ms: int) -> int | None:
    met = [
        max(one, other)
        for _, one in _of(history, "message_in")
        for _, other in _of(history, "message_out")
        if abs(one - other) <= contact_ms
    ]
    return min(met, default=None)


def _relations(history: Sequence[Happened]) -> tuple[tuple[Any, ...], ...]:
    begun = [(event["guide_id"], at) for event, at in _of(history, "friend_added", "transferred")]
    ended = [(event["guide_id"], at, "customer") for event, at in _of(history, "friend_deleted")]
    ended += [(event["guide_id"], at, "guide") for event, at in _of(history, "friend_dropped")]
    ended += [(str(event["properties"]["from_guide"]), at, "transfer") for event, at in _of(history, "transferred")]
    rows = []
    for guide in sorted({guide for guide, *_ in [*begun, *ended]}):
        end = max(((at, by) for known, at, by in ended if known == guide), default=(None, ""))
        rows.append((guide, max((at for known, at in begun if known == guide), default=None), *end))
    return tuple(rows)


def _tags(history: Sequence[Happened]) -> tuple[tuple[str, int, bool], ...]:
    changes = [(str(event["properties"]["tag"]), at, event) for event, at in _of(history, "tagged")]
    rows = []
    for tag in sorted({tag for tag, *_ in changes}):
        latest = max(at for known, at, _ in changes if known == tag)
        off = any(event["properties"].get("removed") for known, at, event in changes if (known, at) == (tag, latest))
        rows.append((tag, latest, not off))
    return tuple(rows)


def _touches(history: Sequence[Happened]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    clicked = [one for one in history if one.touch and one.event["type"] != "order_refunded"]
    touches = sorted(one.touch for one in clicked if one.touch and one.touch.at_ms <= one.time_ms + 300_000)
    if not touches:
        return (None, "", "", "", ""), (None, "", "", "", "")
    # Of one click the fullest is known: the greatest of those that differ in no more than what follows its id.
    first = max(touch for touch in touches if touch[:2] == touches[0][:2])
    return _columns(first), _columns(touches[-1])


def _columns(touch: Touch) -> tuple[Any, ...]:
    return touch.at_ms, touch.click_id, touch.guide_id, touch.link, touch.variant


def _touch_names(which: str) -> tuple[str, ...]:
    return (f"{which}_touch_at", *(f"{which}_{name}" for name in ("click_id", "guide_id", "link", "variant")))
