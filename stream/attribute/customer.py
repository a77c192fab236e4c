"""What events make of a customer. Every order of arrival gives the same state, byte by byte.

Each part of the state is a sum, an earliest, a latest, or a bounded list of the latest: none remembers an order.
By event time, after clamping, the rules are:

- **Add and delete.** With each guide the last add and the last end count, whoever ended it. They are friends if the add
  is later; at the same moment the end wins. So an add after a delete makes friends again, a delete that arrives before
  the add that it ends ends it, and a delete that is older than the add does nothing. `first_added_at` is the first add
  of all, by `friend_added` alone.
- **Transfer.** Ends the relation with `from_guide`, by `transfer`, and begins one with `guide_id`; it counts as no add
  and as no delete.
- **Orders and refunds**: money is sums, which need not know each other: a refund may come before its order, and an
  order before the add. A refund without `margin` leaves the margin as it is. An order that is paid in parts, several
  events with one `order_id`, is one order; beyond `ORDERS` orders of a customer each payment of those with the highest
  keys is one, whatever it is a part of, so the number may be too high, and is the same in every order of arrival.
- **Messages** may come before the add; a contact is one with the brand, whoever was the guide (`contact`).
- **Consent and tags**: the last statement wins; at the same moment withdrawn wins over given, taken off over set.
- **Referral**: the first one wins; at the same moment the lower id of who referred.
- **Touches**: clicks that came with a token on an event of this customer, each once; the first and the last 15. A
  click that happened after the event (see `SKEW_MS`) is none, and no refund makes one (`refund`). What was found by
  other rules is not kept: it depends on what was known when the event came.
- **Alias** changes neither of the two states; who reads a customer merges them (`merge`).
- **Last activity** is the customer's own: not a guide's message, drop, tag or task.

Sums have no bound. Of more than `GUIDES` guides or `TAGS` tags the latest are kept; the view `customer_rows` knows the
number of guides.
"""

from bisect import bisect_left
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from schemas.attribution import SKEW_MS, Touch
from schemas.conversions import Conversion
from schemas.customers import ORDERS, CustomerState, EndedBy, order_key
from schemas.money import units
from stream.attribute import contact
from stream.attribute.refund import REFUNDED

GUIDES: Final = 64
TAGS: Final = 128
TOUCHES: Final = 16
"""The first one and the last 15."""
OWN_ACTS: Final = frozenset(
    {"friend_requested", "friend_added", "friend_deleted", "message_in", "group_joined", "lead", "page_view"}
    | {"store_visit", "order_paid", "order_refunded", "shared", "referred", "satisfaction", "consent"}
)
"""Types of what a customer does, not what is done to them."""

Value = TypeVar("Value", int, tuple[int, EndedBy], tuple[int, bool])


def apply(state: CustomerState, event: Conversion, time_ms: int, touch: Touch | None = None) -> None:
    """Take one event of the customer into the state; an event must be taken in once.

    Args:
        state: changed in place.
        event: checked before (`check_conversion`, `decode_conversion`).
        time_ms: when it happened, after clamping.
        touch: the click of the event's own valid token.
    """
    kind = event["type"]
    if time_ms > state.last_active_at and kind in OWN_ACTS:
        state.last_active_at = time_ms
    step = _STEPS.get(kind)
    if step:
        step(state, event, time_ms)
    if touch is not None and touch.at_ms <= time_ms + SKEW_MS and kind != REFUNDED:
        _touch(state.touches, touch)


def merge(states: Iterable[CustomerState]) -> CustomerState:
    """The state of all events of several states that have none in common: of other partitions, of an alias."""
    parts = list(states)
    whole = CustomerState(messages=contact.union(part.messages for part in parts))
    for part in parts:
        _absorb(whole, part)
    return whole


def _added(state: CustomerState, event: Conversion, time_ms: int) -> None:
    state.first_added_at = _earlier(state.first_added_at, time_ms)
    _latest(state.begun, event["guide_id"], time_ms, GUIDES)


def _deleted(state: CustomerState, event: Conversion, time_ms: int) -> None:
    _latest(state.ended, event["guide_id"], (time_ms, "customer"), GUIDES)


def _dropped(state: CustomerState, event: Conversion, time_ms: int) -> None:
    _latest(state.ended, event["guide_id"], (time_ms, "guide"), GUIDES)


def _transferred(state: CustomerState, event: Conversion, time_ms: int) -> None:
    _latest(state.ended, _text(event, "from_guide"), (time_ms, "transfer"), GUIDES)
    _latest(state.begun, event["guide_id"], time_ms, GUIDES)


def _message_in(state: CustomerState, _: Conversion, time_ms: int) -> None:
    contact.note(state.messages, time_ms, incoming=True)


def _message_out(state: CustomerState, _: Conversion, time_ms: int) -> None:
    contact.note(state.messages, time_ms, incoming=False)


def _paid(state: CustomerState, event: Conversion, time_ms: int) -> None:
    said = (time_ms, order_key(event["order_id"]))
    state.first_order = min(state.first_order or said, said)
    state.payments += 1
    _pay(state.paid_orders, said[1], 1)
    state.revenue += units(event["amount"])
    state.margin += units(event.get("margin", "0"))
    state.last_order_at = max(state.last_order_at, time_ms)


def _refunded(state: CustomerState, event: Conversion, _: int) -> None:
    state.refunds += units(event["amount"])
    state.margin -= units(event.get("margin", "0"))


def _tagged(state: CustomerState, event: Conversion, time_ms: int) -> None:
    _latest(state.tags, _text(event, "tag"), (time_ms, bool(event["properties"].get("removed"))), TAGS)


def _consent(state: CustomerState, event: Conversion, time_ms: int) -> None:
    said = (time_ms, not event["properties"]["given"])
    state.consent = max(state.consent or said, said)


def _referred(state: CustomerState, event: Conversion, time_ms: int) -> None:
    said = (time_ms, _text(event, "referred_by"))
    state.referred = min(state.referred or said, said)


_STEPS: Final = {
    "friend_added": _added,
    "friend_deleted": _deleted,
    "friend_dropped": _dropped,
    "transferred": _transferred,
    "message_in": _message_in,
    "message_out": _message_out,
    "order_paid": _paid,
    "order_refunded": _refunded,
    "tagged": _tagged,
    "consent": _consent,
    "referred": _referred,
}


def _absorb(whole: CustomerState, part: CustomerState) -> None:
    for guide, at_ms in part.begun.items():
        _latest(whole.begun, guide, at_ms, GUIDES)
    for guide, end in part.ended.items():
        _latest(whole.ended, guide, end, GUIDES)
    for tag, change in part.tags.items():
        _latest(whole.tags, tag, change, TAGS)
    for touch in part.touches:
        _touch(whole.touches, touch)
    _absorb_orders(whole, part)
    whole.first_added_at = _earlier(whole.first_added_at, part.first_added_at)
    for name in ("last_order_at", "last_active_at"):
        setattr(whole, name, max(getattr(whole, name), getattr(part, name)))
    if part.consent:
        whole.consent = max(whole.consent or part.consent, part.consent)
    if part.referred:
        whole.referred = min(whole.referred or part.referred, part.referred)


def _absorb_orders(whole: CustomerState, part: CustomerState) -> None:
    for order, payments in part.paid_orders.items():
        _pay(whole.paid_orders, order, payments)
    for name in ("payments", "revenue", "refunds", "margin"):
        setattr(whole, name, getattr(whole, name) + getattr(part, name))
    if part.first_order:
        whole.first_order = min(whole.first_order or part.first_order, part.first_order)


def _latest(latest: dict[str, Value], name: str, value: Value, most: int) -> None:
    """Keep the greatest value of a name, and of more than `most` names those with the greatest."""
    known = latest.get(name)
    if known is not None and known >= value:
        return
    latest[name] = value
    if len(latest) > most:
        del latest[min(latest, key=lambda each: (latest[each], each))]


def _pay(paid: dict[str, int], order: str, payments: int) -> None:
    """Count payments of an order. One that was left out once never comes back: what is kept only gets lower."""
    paid[order] = paid.get(order, 0) + payments
    if len(paid) > ORDERS:
        del paid[max(paid)]


def _touch(touches: list[Touch], touch: Touch) -> None:
    """Keep a click once, with the fullest of what is known of it."""
    place = bisect_left(touches, touch[:2])
    if place < len(touches) and touches[place][:2] == touch[:2]:
        touches[place] = max(touches[place], touch)
        return
    touches.insert(place, touch)
    if len(touches) > TOUCHES:
        del touches[1]


def _earlier(known: int, time_ms: int) -> int:
    """The earlier of two moments, of which 0 is none."""
    return min(known, time_ms) if known and time_ms else known or time_ms


def _text(event: Conversion, name: str) -> str:
    """A property that the event's type must have."""
    value: Any = event["properties"][name]
    return str(value)
