"""What states of customers say, for SQL: column by column, since a worker writes thousands of them at a time."""

from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final

from schemas.attribution import Touch
from schemas.customers import CustomerRow, CustomerState, Relation, Tag
from schemas.money import MOST, clamped
from stream.attribute.contact import first_contact
from stream.attribute.customer import GUIDES

Columns = dict[str, Sequence[Any]]
"""By the names of `CustomerRow`, one value a state; relations and tags as plain tuples of what they consist of."""

_NO_TOUCH: Final = Touch(0, "", "")
_by_guide: Final = itemgetter(0)


def summary(state: CustomerState, contact_ms: int) -> CustomerRow:
    """What one state says."""
    row = {name: values[0] for name, values in summaries([state], contact_ms).items()}
    row["relations"] = tuple(Relation(*one) for one in row["relations"])
    row["tags"] = tuple(Tag(*one) for one in row["tags"])
    return CustomerRow(**row)


def summaries(states: Sequence[CustomerState], contact_ms: int) -> Columns:
    """What some states say.

    Args:
        states: at least one.
        contact_ms: how far apart the messages of an effective contact may be.
    """
    consents = [state.consent or _UNSAID for state in states]
    messages = [state.messages for state in states]
    return {
        "relations": [_relations(state) for state in states],
        "first_added_at": _moments(states, attrgetter("first_added_at")),
        **_touches("first", [state.touches[0] if state.touches else _NO_TOUCH for state in states]),
        **_touches("last", [state.touches[-1] if state.touches else _NO_TOUCH for state in states]),
        "messages_in": [tuple(one.incoming) for one in messages],
        "messages_out": [tuple(one.outgoing) for one in messages],
        "first_contact_at": [first_contact(one.incoming, one.outgoing, contact_ms) or None for one in messages],
        "first_order_at": _moments(states, attrgetter("first_order_at")),
        "first_order": [state.first_order[1] if state.first_order else "" for state in states],
        "last_order_at": _moments(states, attrgetter("last_order_at")),
        "orders": [state.orders for state in states],
        "payments": [state.payments for state in states],
        "paid_orders": [tuple(sorted(paid.items())) if (paid := state.paid_orders) else () for state in states],
        "revenue": _sums(states, attrgetter("revenue")),
        "refunds": _sums(states, attrgetter("refunds")),
        "margin": _sums(states, attrgetter("margin")),
        "tags": [tuple([(tag, at, not off) for tag, (at, off) in sorted(state.tags.items())]) for state in states],
        "consent": [_CONSENT[bool(at_ms), withdrawn] for at_ms, withdrawn in consents],
        "consent_at": [at_ms or None for at_ms, _ in consents],
        "last_active_at": _moments(states, attrgetter("last_active_at")),
        "referred_by": [state.referred[1] if state.referred else "" for state in states],
    }


_UNSAID: Final = (0, False)
_CONSENT: Final = {(False, False): "", (True, False): "given", (True, True): "withdrawn"}


def _moments(states: Sequence[CustomerState], moment: Callable[[CustomerState], int]) -> list[int | None]:
    return [at_ms or None for at_ms in map(moment, states)]


def _sums(states: Sequence[CustomerState], summed: Callable[[CustomerState], int]) -> list[int]:
    sums = list(map(summed, states))
    return sums if min(sums) >= -MOST and max(sums) <= MOST else list(map(clamped, sums))


def _touches(which: str, touches: Sequence[Touch]) -> Columns:
    at_ms, click_ids, links, guide_ids, variants = zip(*touches, strict=True)
    return {
        f"{which}_touch_at": [one or None for one in at_ms],
        f"{which}_click_id": click_ids,
        f"{which}_guide_id": guide_ids,
        f"{which}_link": links,
        f"{which}_variant": variants,
    }


def _relations(state: CustomerState) -> tuple[tuple[Any, ...], ...]:
    begun, ended = state.begun, state.ended
    # Where ends were dropped, nobody knows whether a relation that is older than those that are left has ended.
    known_since = min(at for at, _ in ended.values()) if len(ended) >= GUIDES else 0
    rows = [(guide, at_ms, None, "") for guide, at_ms in begun.items() if guide not in ended and at_ms > known_since]
    if ended:
        rows += [(guide, begun.get(guide), *end) for guide, end in ended.items()]  # type: ignore[misc] # at and by whom
    return tuple(sorted(rows, key=_by_guide))
