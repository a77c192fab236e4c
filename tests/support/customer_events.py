"""Events of one customer to tell a story with: type and moment, the rest by default."""

from typing import Any

from schemas.attribution import Touch
from schemas.conversions import Conversion, decode_conversion
from schemas.customers import CustomerState
from stream.attribute.customer import apply
from tests.support.customer_rows import CustomerRow, summary
from tests.support.events import AT_MS, encode

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_NEEDED: dict[str, dict[str, Any]] = {
    "order_paid": {"order_id": "o1", "amount": "100", "margin": "40"},
    "order_refunded": {"order_id": "o1", "amount": "100", "margin": "40"},
    "tagged": {"properties": {"tag": "高意向"}},
    "consent": {"properties": {"given": True}},
    "referred": {"properties": {"referred_by": "c7"}},
    "transferred": {"guide_id": "g2", "properties": {"from_guide": "g1"}},
    "alias": {"properties": {"alias": "c-old"}},
    "satisfaction": {"properties": {"score": 5}},
    "task_assigned": {"properties": {"task": "回访"}},
    "task_done": {"properties": {"task": "回访"}},
}


def event(kind: str, **changes: Any) -> Conversion:
    """An event of customer `c1` with guide `g1`; a change to None leaves a field out."""
    fields = {"v": 1, "event_id": "e", "type": kind, "occurred_at": AT_MS, "customer_id": "c1", "guide_id": "g1"}
    fields |= _NEEDED.get(kind, {}) | changes
    fields = {name: value for name, value in fields.items() if value is not None}
    return decode_conversion(encode(fields), AT_MS, 0, currency="CNY")


def touch(at_ms: int = AT_MS, click_id: str = "click-1", *, link: str = "a8Xk2Pq", guide: str = "g1") -> Touch:
    """A click on a guide's link."""
    return Touch(at_ms, click_id, link, guide)


def customer(*story: tuple[Conversion, int] | tuple[Conversion, int, Touch]) -> CustomerState:
    """The state after a story: events, each with the hours after `AT_MS` that it happened, and perhaps its click."""
    state = CustomerState()
    for one, hours, *click in story:
        apply(state, one, AT_MS + hours * HOUR_MS, *click)
    return state


def shown(*story: tuple[Conversion, int] | tuple[Conversion, int, Touch]) -> CustomerRow:
    """The row of that state, with the default hours of a contact."""
    return summary(customer(*story), 48 * HOUR_MS)
