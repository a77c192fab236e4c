"""What became of one event that was handed in. Pure."""

from typing import Any, Final, Literal, NamedTuple

from schemas.conversions import MAX_EVENT_ID
from schemas.rejects import Reason, Reject

Status = Literal["accepted", "duplicate", "rejected"]
_OF_THE_WHOLE: Final[frozenset[Reason]] = frozenset(
    {"null", "too_large", "not_utf8", "not_json", "too_deep", "not_object"}
)
"""Reasons that are about no single field."""


class Outcome(NamedTuple):
    """One event's fate; a refused one has `reason` and `detail`, and `field` unless it is wrong as a whole."""

    status: Status
    event_id: str
    """Empty when the event has none that could be one."""
    field: str = ""
    """`amount`, `properties.score`, ..."""
    reason: Reason | Literal[""] = ""
    detail: str = ""
    """What is wrong with the field, as a sentence for the caller."""


def rejected(event_id: Any, reject: Reject) -> Outcome:
    """The outcome of an event that `reject` is about; `event_id` is whatever stands in its place."""
    known = event_id if isinstance(event_id, str) and len(event_id) <= MAX_EVENT_ID else ""
    if reject.reason in _OF_THE_WHOLE:
        return Outcome("rejected", known, "", reject.reason, reject.detail)
    field, _, detail = reject.detail.partition(": ")
    return Outcome("rejected", known, field, reject.reason, detail or reject.detail)
