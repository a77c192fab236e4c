"""A customer is what all their events say, in whatever order and in whatever partitions they came."""

from collections.abc import Iterable, Sequence
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.attribution import Touch
from schemas.customers import CustomerState, decode_state, encode_state
from stream.attribute.customer import GUIDES, TAGS, TOUCHES, apply, merge
from tests.support.customer_oracle import Happened, recount
from tests.support.customer_rows import summary
from tests.support.customer_strategies import (
    ABOUT_RELATIONS,
    HOUR_MS,
    MESSAGES,
    START_MS,
    happened,
    histories,
    times,
)

THINNED = {"messages_in", "messages_out"}
hours = st.sampled_from([24, 36, 48, 49, 72, 720])
TYPES = pytest.mark.parametrize("types", [None, MESSAGES, ABOUT_RELATIONS, ("consent", "tagged", "referred")])


def state_of(history: Iterable[Happened]) -> CustomerState:
    state = CustomerState()
    for one in history:
        apply(state, one.event, one.time_ms, one.touch)
    return state


@TYPES
@given(data=st.data())
@settings(max_examples=40)
def test_all_orders_of_few_events_give_the_same_bytes(types: tuple[str, ...] | None, data: st.DataObject) -> None:
    history = data.draw(histories(most=5, types=types))
    assert len({encode_state(state_of(order)) for order in permutations(history)}) == 1


@TYPES
@given(data=st.data())
@settings(max_examples=200)
def test_an_order_of_many_events_gives_the_same_bytes(types: tuple[str, ...] | None, data: st.DataObject) -> None:
    history = data.draw(histories(most=60, types=types))
    assert encode_state(state_of(data.draw(st.permutations(history)))) == encode_state(state_of(history))


@TYPES
@given(data=st.data())
@settings(max_examples=200)
def test_what_it_says_is_what_a_recount_says(types: tuple[str, ...] | None, data: st.DataObject) -> None:
    history, within_ms = data.draw(histories(most=30, types=types)), data.draw(hours) * HOUR_MS
    row = summary(state_of(history), within_ms)._asdict()
    assert {name: value for name, value in row.items() if name not in THINNED} == recount(history, within_ms)


@TYPES
@given(data=st.data())
@settings(max_examples=200)
def test_parts_merge_to_the_whole(types: tuple[str, ...] | None, data: st.DataObject) -> None:
    history = data.draw(histories(most=30, types=types))
    parts: list[list[Happened]] = [[], [], []]
    for one in history:
        parts[data.draw(st.integers(0, 2))].append(one)
    states = [state_of(part) for part in parts]
    before = [encode_state(state) for state in states]
    assert encode_state(merge(states)) == encode_state(state_of(history))
    assert [encode_state(state) for state in states] == before
    assert encode_state(merge([merge(states[1:]), states[0]])) == encode_state(merge(states))


@given(history=histories(most=30), more=happened())
def test_a_state_that_was_written_goes_on_as_if_it_had_not_been(history: list[Happened], more: Happened) -> None:
    state = state_of(history)
    read = decode_state(encode_state(state))
    assert read == state
    for each in (state, read):
        apply(each, more.event, more.time_ms, more.touch)
    assert encode_state(read) == encode_state(state)


@given(clicks=st.lists(times, min_size=1, max_size=40), data=st.data())
def test_the_first_and_the_last_touches_stay(clicks: list[int], data: st.DataObject) -> None:
    event = data.draw(happened(("friend_requested",))).event
    seen = [Touch(at, f"click-{at}", "l") for at in clicks]
    state = state_of(Happened(event, START_MS + 1000 * HOUR_MS, touch) for touch in seen)
    ordered = sorted(set(seen))
    assert state.touches == ordered[:1] + ordered[1:][-(TOUCHES - 1) :]


def crowd(kind: str, names: Sequence[int], property_: str, data: st.DataObject) -> list[Happened]:
    """One event each about very many guides or tags, some of them at the same time."""
    template = data.draw(happened((kind,)))
    history = []
    for name in names:
        event = template.event.copy()
        event["guide_id"] = f"g{name}"
        event["properties"] = {**event["properties"], property_: f"g{name}"}
        history.append(Happened(event, START_MS + name // 3))
    return history


@given(data=st.data())
@settings(max_examples=20)
def test_of_too_many_guides_or_tags_the_latest_stay_in_every_order(data: st.DataObject) -> None:
    history = [
        *crowd("friend_added", range(GUIDES + 9), "x", data),
        *crowd("friend_deleted", range(0, 3 * GUIDES, 2), "x", data),
        *crowd("tagged", range(TAGS + 7), "tag", data),
    ]
    state = state_of(data.draw(st.permutations(history)))
    assert encode_state(state) == encode_state(state_of(history))
    row = summary(state, 48 * HOUR_MS)
    assert (len(state.begun), len(state.ended), len(row.tags)) == (GUIDES, GUIDES, TAGS)
    assert {tag.tag for tag in row.tags} == {f"g{name}" for name in range(7, TAGS + 7)}
    friends = {relation.guide_id for relation in row.relations if not relation.ended_at}
    # Ends that were dropped are no later than any that stayed: nobody is called a friend for want of one.
    assert friends <= {f"g{name}" for name in range(1, GUIDES + 9, 2)}
