"""What stays of an erased customer: numbers and times that counts are made of, under a pseudonym."""

import msgspec

from schemas.attribution import Touch
from schemas.customers import CustomerState
from schemas.erasure import CUSTOMER
from stream.attribute.customer import merge
from stream.attribute.erasures import Erasures


def erased(state: CustomerState, pseudonym: CustomerState) -> CustomerState:
    """The pseudonym's state once a customer's moves to it; the customer's own is a new one from then on.

    Args:
        state: of the customer up to the event of type `erased`.
        pseudonym: of the pseudonym up to there: stragglers that another lane's event announced, or a run before that
            was not finished; else a new one.
    """
    return merge([pseudonym, _anonymous(state)])


def name_no_erased(state: CustomerState, erasures: Erasures) -> bool:
    """Put the pseudonym in the place of an erased customer whom this one names; returns whether there was one."""
    if state.referred is None:
        return False
    at_ms, by = state.referred
    pseudonym = erasures.pseudonym(CUSTOMER, by, at_ms)
    if pseudonym:
        state.referred = (at_ms, pseudonym)
    return bool(pseudonym)


def _anonymous(state: CustomerState) -> CustomerState:
    """Without tags, which people write about people, and without click ids, which lead to a browser."""
    touches = {(touch.at_ms, touch.link): touch._replace(click_id="") for touch in state.touches}
    return msgspec.structs.replace(state, tags={}, touches=sorted(touches.values(), key=_order))


def _order(touch: Touch) -> tuple[int, str]:
    return touch.at_ms, touch.link
