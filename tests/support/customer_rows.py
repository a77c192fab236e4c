"""What the state of a customer says, in the columns that SQL shows: what views are compared with."""

from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple

from schemas.attribution import Touch
from schemas.customers import CustomerState, EndedBy
from stream.attribute.contact import first_contact
from stream.attribute.customer import GUIDES

_NO_TOUCH: Final = Touch(0, "", "")
_UNSAID: Final = (0, False)
_CONSENT: Final[dict[tuple[bool, bool], Literal["given", "withdrawn", ""]]] = {
    (False, False): "",
    (True, False): "given",
    (True, True): "withdrawn",
}


class Relation(NamedTuple):
    """What is known of a customer and one guide; they are friends now if it was made later than it ended."""

    guide_id: str
    added_at: int | None
    ended_at: int | None
    ended_by: EndedBy | Literal[""]


class Tag(NamedTuple):
    """The last change of one tag."""

    tag: str
    at: int
    is_set: bool


class CustomerRow(NamedTuple):
    """Columns of the view `customer_rows`, and the first effective contact; times in ms, money in ten-thousandths."""

    relations: tuple[Relation, ...]
    """By guide id, ascending; so `tags` by tag."""
    first_added_at: int | None
    first_touch_at: int | None
    first_click_id: str
    first_guide_id: str
    first_link: str
    first_variant: str
    last_touch_at: int | None
    last_click_id: str
    last_guide_id: str
    last_link: str
    last_variant: str
    messages_in: tuple[int, ...]
    messages_out: tuple[int, ...]
    first_contact_at: int | None
    first_order_at: int | None
    first_order: str
    """Its `order_key`."""
    last_order_at: int | None
    orders: int
    payments: int
    paid_orders: tuple[tuple[str, int], ...]
    """By `order_key`, ascending: payments."""
    revenue: int
    refunds: int
    margin: int
    tags: tuple[Tag, ...]
    consent: Literal["given", "withdrawn", ""]
    consent_at: int | None
    last_active_at: int | None
    referred_by: str
    referred_at: int | None


def summary(state: CustomerState, contact_ms: int) -> CustomerRow:
    """What one state says.

    Args:
        state: of one customer.
        contact_ms: how far apart the messages of an effective contact may be.
    """
    consent_at, withdrawn = state.consent or _UNSAID
    referred_at, referred_by = state.referred or (0, "")
    return CustomerRow(
        relations=_relations(state),
        first_added_at=state.first_added_at or None,
        **_touch("first", state.touches[0] if state.touches else _NO_TOUCH),
        **_touch("last", state.touches[-1] if state.touches else _NO_TOUCH),
        messages_in=tuple(state.messages.incoming),
        messages_out=tuple(state.messages.outgoing),
        first_contact_at=first_contact(state.messages.incoming, state.messages.outgoing, contact_ms) or None,
        first_order_at=state.first_order[0] if state.first_order else None,
        first_order=state.first_order[1] if state.first_order else "",
        last_order_at=state.last_order_at or None,
        orders=orders(state),
        payments=state.payments,
        paid_orders=tuple(sorted(state.paid_orders.items())),
        revenue=state.revenue,
        refunds=state.refunds,
        margin=state.margin,
        tags=tuple(Tag(tag, at, not off) for tag, (at, off) in sorted(state.tags.items())),
        consent=_CONSENT[bool(consent_at), withdrawn],
        consent_at=consent_at or None,
        last_active_at=state.last_active_at or None,
        referred_by=referred_by,
        referred_at=referred_at or None,
    )


def orders(state: CustomerState) -> int:
    """Distinct orders that were paid."""
    return len(state.paid_orders) + state.payments - sum(state.paid_orders.values())


def _touch(which: str, touch: Touch) -> dict[str, Any]:
    return {
        f"{which}_touch_at": touch.at_ms or None,
        f"{which}_click_id": touch.click_id,
        f"{which}_guide_id": touch.guide_id,
        f"{which}_link": touch.link,
        f"{which}_variant": touch.variant,
    }


def _relations(state: CustomerState) -> tuple[Relation, ...]:
    begun, ended = state.begun, state.ended
    # Where ends were dropped, nobody knows whether a relation that is older than those that are left has ended.
    known_since = min(at for at, _ in ended.values()) if len(ended) >= GUIDES else 0
    rows = [
        Relation(guide, at_ms, None, "") for guide, at_ms in begun.items() if guide not in ended and at_ms > known_since
    ]
    rows += [Relation(guide, begun.get(guide), *end) for guide, end in ended.items()]
    return tuple(sorted(rows, key=itemgetter(0)))
