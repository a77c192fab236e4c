"""Messages are thinned to few, and the first effective contact stays what all of them say."""

from collections.abc import Iterable, Sequence
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.customers import Messages
from stream.attribute.contact import PERIOD_MS, first_contact, note, union
from tests.support.customer_strategies import HOUR_MS, times

Sent = tuple[bool, int]
"""Whether the customer sent it, and when."""
sent = st.tuples(st.booleans(), times)
EVER = 10**6
"""Periods without a bound."""


def kept(messages: Iterable[Sent], periods: int = EVER) -> Messages:
    whole = Messages()
    for incoming, at_ms in messages:
        note(whole, at_ms, incoming=incoming, periods=periods)
    return whole


def contact_of(messages: Sequence[Sent], within_ms: int) -> int:
    """By trying every pair."""
    pairs = ((at, other) for incoming, at in messages for outgoing, other in messages if incoming and not outgoing)
    return min((max(pair) for pair in pairs if abs(pair[0] - pair[1]) <= within_ms), default=0)


def in_time(messages: Sequence[Sent], periods: int) -> list[Sent]:
    """Messages before and in the last period that counts: where one direction has filled its periods, none is later."""
    last = EVER
    for direction in (True, False):
        numbers = sorted({at // PERIOD_MS for incoming, at in messages if incoming == direction})
        if len(numbers) >= periods:
            last = min(last, numbers[periods - 1])
    return [(incoming, at) for incoming, at in messages if at // PERIOD_MS <= last]


@given(messages=st.lists(sent, max_size=40), hours=st.sampled_from([24, 25, 36, 48, 72, 720]))
@settings(max_examples=300)
def test_the_contact_is_exact_for_every_number_of_hours_from_a_period_on(messages: list[Sent], hours: int) -> None:
    thinned = kept(messages)
    assert first_contact(thinned.incoming, thinned.outgoing, hours * HOUR_MS) == contact_of(messages, hours * HOUR_MS)


@given(messages=st.lists(sent, max_size=60))
@settings(max_examples=200)
def test_little_is_kept_and_nothing_after_a_settled_contact(messages: list[Sent]) -> None:
    thinned = kept(messages)
    assert thinned.settled_at == contact_of(messages, PERIOD_MS)
    for incoming, stay in ((True, thinned.incoming), (False, thinned.outgoing)):
        assert set(stay) <= {at for direction, at in messages if direction == incoming}
        assert stay == sorted(set(stay))
        assert (
            max(
                (len([at for at in stay if at // PERIOD_MS == day]) for day in {at // PERIOD_MS for at in stay}),
                default=0,
            )
            <= 2
        )
        assert not thinned.settled_at or all(at <= thinned.settled_at for at in stay)


@given(messages=st.lists(sent, max_size=6), periods=st.integers(1, 3))
@settings(max_examples=60)
def test_all_orders_keep_the_same_within_any_bound(messages: list[Sent], periods: int) -> None:
    ends = {repr(kept(order, periods)) for order in permutations(messages)}
    assert len(ends) == 1


@given(messages=st.lists(sent, max_size=40), periods=st.integers(1, 6), data=st.data())
@settings(max_examples=300)
def test_an_order_of_many_messages_keeps_the_same_within_any_bound(
    messages: list[Sent], periods: int, data: st.DataObject
) -> None:
    thinned = kept(messages, periods)
    assert kept(data.draw(st.permutations(messages)), periods) == thinned
    assert thinned.settled_at == contact_of(in_time(messages, periods), PERIOD_MS)
    assert len({at // PERIOD_MS for at in thinned.incoming}) <= periods


@given(parts=st.lists(st.lists(sent, max_size=15), max_size=4), periods=st.integers(1, 6))
@settings(max_examples=200)
def test_what_parts_kept_makes_what_the_whole_would_have_kept(parts: list[list[Sent]], periods: int) -> None:
    united = union([kept(part, periods) for part in parts], periods)
    assert united == kept([message for part in parts for message in part], periods)
