"""Histories of one customer, dense in what can go wrong: equal times, few guides, messages at the edges of periods."""

from typing import Any

from hypothesis import strategies as st

from schemas.attribution import Touch
from schemas.conversion_types import CONVERSION_TYPES
from schemas.conversions import decode_conversion
from tests.support.customer_oracle import Happened
from tests.support.events import AT_MS, encode

HOUR_MS = 3_600_000
START_MS = AT_MS - AT_MS % (24 * HOUR_MS)
"""Midnight UTC, where a period starts."""
MESSAGES = ("message_in", "message_out")
ABOUT_RELATIONS = ("friend_added", "friend_deleted", "friend_dropped", "transferred")

times = st.builds(
    lambda days, hours, more: START_MS + (days * 24 + hours) * HOUR_MS + more,
    st.integers(0, 12),
    st.sampled_from([0, 0, 1, 12, 23]),
    st.sampled_from([-1, 0, 0, 1]),
)
"""Few distinct moments, many of them a period, or two days, apart to the millisecond."""
guides = st.sampled_from(["g1", "g2", "导购三"])
amounts = st.sampled_from(["0", "0.0001", "12.5", "999999999999.9999"])
touches = st.builds(
    lambda click, days, known: Touch(
        START_MS + days * 24 * HOUR_MS + click, f"click-{click}-{days}", "link", "g1", "B" if known else ""
    ),
    st.integers(0, 1),
    st.integers(0, 12),
    st.booleans(),
)


@st.composite
def happened(draw: st.DrawFn, types: tuple[str, ...] = tuple(sorted(CONVERSION_TYPES - {"erased"}))) -> Happened:
    """One event of the customer `c`, as decoding gives it."""
    kind = draw(st.sampled_from(types))
    guide = draw(guides)
    time_ms = draw(times)
    properties: dict[str, Any] = {
        "given": draw(st.booleans()),
        "tag": draw(st.sampled_from(["a", "b"])),
        "removed": draw(st.booleans()),
        "referred_by": draw(st.sampled_from(["c7", "c8"])),
        "from_guide": draw(guides.filter(lambda other: other != guide)),
        "task": "t",
        "score": 5,
        "alias": "other",
    }
    event = {
        "v": 1,
        "event_id": "e",
        "type": kind,
        "occurred_at": time_ms,
        "customer_id": "c",
        "guide_id": guide,
        "order_id": draw(st.sampled_from(["o1", "o2", "单3"])),
        "amount": draw(amounts),
        "properties": properties,
    }
    if draw(st.booleans()):
        event["margin"] = draw(st.sampled_from(["-", ""])) + draw(amounts)
    touch = draw(st.none() | touches)
    return Happened(decode_conversion(encode(event), time_ms, 0, currency="CNY"), time_ms, touch)


def histories(*, most: int, types: tuple[str, ...] | None = None) -> st.SearchStrategy[list[Happened]]:
    """Up to so many events, of some types or of all."""
    return st.lists(happened(types) if types else happened(), max_size=most)
