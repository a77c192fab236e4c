"""Sums that are kept by increments equal those that are made anew, whatever happens in between."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.windows import WINDOW_MS, window_of
from stream.aggregate.shares import SPANS, Counts, Shares, Span, Sums, top

START = 1_000_000 * WINDOW_MS
DAY = 90 * WINDOW_MS  # a short one, so that days begin within a history
# One step: minutes to move on, how many minutes ago the growth is, which link, by how much.
steps = st.lists(
    st.tuples(st.integers(0, 30), st.integers(-1, 100), st.sampled_from("xyz"), st.integers(1, 9), st.integers(0, 1)),
    max_size=60,
)


def day_of(now: int) -> int:
    return START + (now - START) // DAY * DAY


@given(steps)
def test_sums_equal_a_count_from_the_beginning(drawn: list[tuple[int, int, str, int, int]]) -> None:
    now = START
    shares = Shares(now, day_of(now))
    grown: list[tuple[int, int, str, int, int]] = []  # when, window, link, clicks, human
    for minutes, ago, link, clicks, human in drawn:
        now += minutes * WINDOW_MS
        shares.roll(now, day_of(now))
        start = window_of(now) - ago * WINDOW_MS
        shares.add(start, link, (clicks, human))
        grown.append((now, start, link, clicks, human))
    for span, since in (("5m", now - 4 * WINDOW_MS), ("1h", now - 59 * WINDOW_MS), ("day", day_of(now))):
        wanted: dict[str, Counts] = {}
        for at, start, link, clicks, human in grown:
            # Of a window of this day that came before the day began, only what the last hour held is known.
            if start >= since and (at >= since or start >= window_of(at) - 59 * WINDOW_MS):
                had = wanted.get(link, (0, 0))
                wanted[link] = (had[0] + clicks, had[1] + human)
        spans: dict[str, Span] = {name: name for name in SPANS}
        assert shares.sums[spans[span]].counts == wanted


@given(st.dictionaries(st.text(max_size=3), st.tuples(st.integers(1, 50), st.integers(0, 50))), st.integers(1, 8))
def test_top_and_rest_add_up_to_everything(counts: dict[str, Counts], number: int) -> None:
    sums = Sums()
    for name, numbers in counts.items():
        sums.add(name, numbers)
    best = top(sums, number)
    assert sum(clicks for clicks, _ in best.names.values()) + best.rest == sum(c for c, _ in counts.values())
    assert len(best.names) + best.left_out == len(counts)
    assert len(best.names) == min(number, len(counts))
    left = [clicks for name, (clicks, _) in counts.items() if name not in best.names]
    assert not left or max(left) <= min(clicks for clicks, _ in best.names.values())


def test_a_name_that_comes_down_to_nothing_is_gone_and_said_to_be() -> None:
    sums = Sums()
    sums.add("a", (2, 1))
    assert sums.take_changed() == [("a", (2, 1))]
    sums.add("a", (-2, -1))
    assert sums.take_changed() == [("a", None)]
    assert sums.take_changed() == []
