"""Callbacks that were taken in lately."""

from stream.wecom.callback import FRESH_MS
from stream.wecom.replay import REMEMBER_MS, Seen

NOW = 1_795_334_400_000


def test_it_remembers_for_as_long_as_a_signature_is_believed() -> None:
    seen = Seen()
    seen.add("a", NOW)
    assert seen.has("a", NOW)
    assert seen.has("a", NOW + 2 * FRESH_MS)
    assert not seen.has("a", NOW + REMEMBER_MS)
    assert not seen.has("b", NOW)


def test_it_forgets_what_has_ended_and_the_oldest_when_it_is_full() -> None:
    seen = Seen(capacity=3)
    for number in range(5):
        seen.add(str(number), NOW + number)
    assert [seen.has(str(number), NOW + 5) for number in range(5)] == [False, False, True, True, True]
    seen.add("late", NOW + REMEMBER_MS + 10)
    assert len(seen._until) == 1
