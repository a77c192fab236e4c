"""Who gets the credit for a conversion: the first rule that holds, with how sure it is.

Decided once, on arrival, by what is known by then. A customer's own history does not depend on that order (`customer`);
the credit may, and is stored and never rewritten. A refund whose order is known has the order's (`refund`).
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from schemas.attribution import SKEW_MS, Credit, Rule, Touch
from schemas.conversions import Conversion
from schemas.customers import CustomerState

TOKEN_CONFIDENCE: Final = 1.0
"""The event itself names the click, and nobody else can make a token."""
CUSTOMER_CONFIDENCE: Final = 0.9
"""The person did click that link, but what they do now may have another cause."""
VISITOR_CONFIDENCE: Final = 0.7
"""The browser did click that link, but other people may use it, too."""
ONE_CLICK_CONFIDENCE: Final = 0.5
"""Just before, one person clicked a link of this guide that leads to adding them; who that was is not known."""
ONE_LINK_CONFIDENCE: Final = 0.4
"""The same with several clicks: the link is the same whoever of them it was, the click is not known."""
GUIDE_CONFIDENCE: Final = 0.3
"""The guide acted, and nothing is known of how the customer came to them."""
UNSEEN_CONFIDENCE: Final = 0.2
"""The guide was added without a click that would explain it, or with clicks on several links: some other way in, or one
that lost its token."""

_ADDS: Final = frozenset({"friend_requested", "friend_added"})
_DAY_MS: Final = 86_400_000


class LookBack(NamedTuple):
    """How long before an event a click may have happened to be credited, in milliseconds; the bounds belong to it."""

    customer_ms: int
    visitor_ms: int
    guide_ms: int

    @classmethod
    def of(cls, *, customer_days: int, visitor_days: int, guide_minutes: int) -> "LookBack":
        """The settings of the section `attribution`."""
        return cls(customer_days * _DAY_MS, visitor_days * _DAY_MS, guide_minutes * 60_000)


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """What is known when an event comes."""

    token: Touch | None = None
    """The click of the event's own token, if it is valid and its link is known."""
    token_error: str = ""
    """Why the token names no click; for the raw row, the rules do not ask."""
    customer: CustomerState | None = None
    """All partitions and aliases merged; before or after this event."""
    visitor: Touch | None = None
    """The last human click of the event's visitor."""
    guide_clicks: Sequence[Touch] = ()
    """Human clicks, redirected to add the acting guide, in the time before; asked for by `wants_guide_clicks` only."""


def wants_guide_clicks(event: Mapping[str, object]) -> bool:
    """Whether the clicks on the acting guide's links can matter when the rules before `guide` do not hold."""
    return event["type"] in _ADDS and bool(event.get("guide_id"))


def leads_to(click: Touch, time_ms: int) -> bool:
    """Whether a click is early enough for an event of that time to follow from it."""
    return click.at_ms <= time_ms + SKEW_MS


def touches_before(customer: CustomerState, time_ms: int, lookback: LookBack) -> Sequence[Touch]:
    """The customer's own clicks that an event may follow from, ascending: with any, no other evidence is asked for."""
    touches = customer.touches
    if not touches:  # as with most customers: this is asked for every event
        return ()
    since_ms = time_ms - lookback.customer_ms
    if since_ms <= touches[0][0] and touches[-1][0] <= time_ms:
        return touches
    return [touch for touch in touches if since_ms <= touch.at_ms <= time_ms]


def credit(event: Conversion, time_ms: int, evidence: Evidence, lookback: LookBack) -> Credit:
    """Apply the rules in their order.

    Args:
        event: checked before.
        time_ms: when it happened, after clamping.
        evidence: what is known; a click later than the event (see `SKEW_MS`) is none.
        lookback: from the settings.

    Returns:
        The credit without its facts, which the caller stamps. The first touch is the earliest that is known of the
        customer within the look-back, or the credited click.
    """
    known = touches_before(evidence.customer, time_ms, lookback) if evidence.customer else ()
    latest_ms = time_ms + SKEW_MS
    token, visitor = evidence.token, evidence.visitor
    if token is not None and leads_to(token, time_ms):
        return _of_click("token", TOKEN_CONFIDENCE, token, known)
    if known:
        return _of_click("customer", CUSTOMER_CONFIDENCE, known[-1], known)
    if visitor is not None and time_ms - lookback.visitor_ms <= visitor.at_ms <= latest_ms:
        return _of_click("visitor", VISITOR_CONFIDENCE, visitor, known)
    guide_id = event.get("guide_id")
    if not guide_id:
        return Credit("none", 0.0)
    if not wants_guide_clicks(event):
        return Credit("guide", GUIDE_CONFIDENCE, guide_id)
    since_ms = time_ms - lookback.guide_ms
    return _of_guide(guide_id, {click for click in evidence.guide_clicks if since_ms <= click.at_ms <= latest_ms})


def _of_click(rule: Rule, confidence: float, click: Touch, known: Sequence[Touch]) -> Credit:
    first = min(known[0], click) if known else click
    return Credit(rule, confidence, click.guide_id, click.link, click.variant, click, first)


def _of_guide(guide_id: str, clicks: set[Touch]) -> Credit:
    if len({click.link for click in clicks}) != 1:
        return Credit("guide", UNSEEN_CONFIDENCE, guide_id)
    if len(clicks) == 1:
        (click,) = clicks
        return Credit("guide", ONE_CLICK_CONFIDENCE, guide_id, click.link, click.variant, click, click)
    variants = {click.variant for click in clicks}
    variant = variants.pop() if len(variants) == 1 else ""
    return Credit("guide", ONE_LINK_CONFIDENCE, guide_id, next(iter(clicks)).link, variant)
