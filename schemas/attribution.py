"""Who gets the credit for a conversion, as a value that all stages know."""

from typing import Final, Literal, NamedTuple

import msgspec

from schemas.windows import Facts

Rule = Literal["token", "customer", "visitor", "guide", "none"]
"""The first of these that holds gives the credit (DOMAIN, Attribution)."""
RULES: Final[tuple[Rule, ...]] = ("token", "customer", "visitor", "guide", "none")

SKEW_MS: Final = 5 * 60_000
"""A click leads to an event only if it is no later, give or take what two clocks may differ (`worker.future_ms` allows
as much by default)."""


class Touch(NamedTuple):
    """A click that led to something. Touches sort by time, then by click id, so that equals have one order."""

    at_ms: int
    """When the click happened, milliseconds since 1970 UTC."""
    click_id: str
    """The click token's text."""
    link: str
    """Code of the link."""
    guide_id: str = ""
    """Who owned the link at that time; empty for a campaign link."""
    variant: str = ""
    """Arm of the link's A/B test; empty without one, or when the click's row was not there yet."""


class Credit(msgspec.Struct, frozen=True, gc=False):
    """What is stored beside a conversion; decided once, when the event is taken in."""

    rule: Rule
    confidence: float
    """0 to 1; see `stream.attribute.credit` for the value of each rule."""
    guide_id: str = ""
    link: str = ""
    variant: str = ""
    click: Touch | None = None
    """The last touch that gives the credit; None for the rules `guide` (unless one click stands out) and `none`."""
    first: Touch | None = None
    """The first touch within the look-back, for reports that ask for it."""
    facts: Facts = Facts()
    """Store and region of the credited guide, campaign and touchpoint of the credited link: the registry's."""
