"""What is kept of an event of somebody who withdrew their consent: that it happened, and what numbers are made of."""

from typing import Final

from msgspec import structs

from schemas.attribution import Credit, Touch
from schemas.conversions import Conversion
from schemas.customers import CustomerState

KEPT: Final = frozenset({"given", "alias", "from_guide", "referred_by", "removed", "score", "campaign", "touchpoint"})
"""Properties without which an event of its type would say nothing, none of which describes the person."""


def withdrawn(state: CustomerState, time_ms: int) -> bool:
    """Whether the customer had withdrawn their consent by the time of an event, as far as is known."""
    return state.consent is not None and state.consent[1] and state.consent[0] <= time_ms


def withheld(event: Conversion) -> Conversion:
    """The event without what describes the person or leads back to their browser."""
    kept = event.copy()
    kept.pop("visitor_id", None)
    kept.pop("token", None)
    properties = {name: value for name, value in event.get("properties", {}).items() if name in KEPT}
    if properties:
        kept["properties"] = properties
    else:
        kept.pop("properties", None)
    return kept


def is_withheld_tag(event: Conversion) -> bool:
    """Whether a tag was withheld: there is nothing left of it to be known of the customer."""
    return event["type"] == "tagged" and "tag" not in event.get("properties", {})


def nameless(credit: Credit) -> Credit:
    """The credit without clicks of the person: guide and link stay, for they earned it."""
    first = credit.first
    place = Touch(0, "", first.link, first.guide_id, first.variant) if first else None
    return structs.replace(credit, click=None, first=place)
