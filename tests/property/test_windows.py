"""Laws of windows and their rows, whatever the clicks."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schemas.click_record import ClickRecord
from schemas.windows import WINDOW_MS, WindowRow, window_of
from stream.aggregate.partition import Partition, Recovered
from stream.aggregate.tally import Tally

GRACE_MS = 30_000
times = st.integers(min_value=-(10**12), max_value=10**13)
# A click: minute, guide, link, variant, visitor, human or not, outcome.
clicks = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from("ab"),
        st.sampled_from("xy"),
        st.sampled_from(["", "A"]),
        st.sampled_from("uvw"),
        st.booleans(),
        st.sampled_from(["redirected", "expired"]),
    ),
    max_size=40,
)
Drawn = list[tuple[int, str, str, str, str, bool, str]]


def apply(partition: Partition, drawn: Drawn, arrival_ms: int) -> int:
    """Count a batch that begins where the partition is."""
    columns = [
        ClickRecord(
            id="",
            ts=0,
            link=link,
            kind="web",
            outcome=outcome,
            fetch="navigate",
            visitor=visitor,
            visitor_kind="cookie",
            guide=guide,
            variant=variant,
        )
        for _, guide, link, variant, visitor, _, outcome in drawn
    ]
    first, tally = partition.next, Tally()
    tally.count(
        columns,
        [minute * WINDOW_MS + 1 for minute, *_ in drawn],
        range(first, first + len(drawn)),
        [human for *_, human, _ in drawn],
    )
    return partition.apply(tally, next_offset=first + len(drawn), arrival_ms=arrival_ms)


def newest(rows: Iterable[WindowRow]) -> dict[tuple[int, str, str, str], WindowRow]:
    """What the warehouse keeps of rows written in this order."""
    kept: dict[tuple[int, str, str, str], WindowRow] = {}
    for row in rows:
        key = (row.window_start, row.guide_id, row.link, row.variant)
        if key not in kept or row.version >= kept[key].version:
            kept[key] = row
    return kept


def totals(rows: Iterable[WindowRow]) -> dict[tuple[int, str, str, str], tuple[int, int, int, int]]:
    """Counts per key, without versions and facts, which depend on the order of arrival."""
    kept = newest(rows)
    return {key: (row.clicks, row.human_clicks, row.redirected, row.visitors) for key, row in kept.items()}


@given(times)
def test_every_moment_lies_in_exactly_one_window(time: int) -> None:
    start = window_of(time)
    assert start <= time < start + WINDOW_MS
    assert window_of(start) == start == window_of(start + WINDOW_MS - 1)
    assert window_of(start - 1) == start - WINDOW_MS


@given(st.lists(times, min_size=2))
def test_windows_tile_time_without_gap_or_overlap(moments: list[int]) -> None:
    starts = sorted({window_of(moment) for moment in moments})
    assert all((right - left) % WINDOW_MS == 0 and left + WINDOW_MS <= right for left, right in pairwise(starts))


@given(clicks, st.data())
def test_any_arrival_order_gives_the_same_totals(drawn: Drawn, data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(drawn))
    one, other = Partition(GRACE_MS, Recovered()), Partition(GRACE_MS, Recovered())
    apply(one, drawn, 0)
    apply(other, list(shuffled), 0)
    assert totals(one.begin_flush().rows) == totals(other.begin_flush().rows)


@given(clicks, st.lists(st.integers(0, 40)))
def test_any_cut_into_batches_and_flushes_gives_the_same_rows(drawn: Drawn, cuts: list[int]) -> None:
    whole, cut = Partition(GRACE_MS, Recovered()), Partition(GRACE_MS, Recovered())
    apply(whole, drawn, 0)
    written: list[WindowRow] = []
    for start, end in pairwise([0, *sorted(cuts), len(drawn)]):
        apply(cut, drawn[start:end], 0)
        flush = cut.begin_flush()
        written += flush.rows
        cut.end_flush(flush)
    assert newest(written) == newest(whole.begin_flush().rows)


@given(clicks, st.data())
def test_rows_may_be_written_in_any_order_and_more_than_once(drawn: Drawn, data: st.DataObject) -> None:
    partition = Partition(GRACE_MS, Recovered())
    written: list[WindowRow] = []
    for click in drawn:
        apply(partition, [click], 0)
        written += partition.begin_flush().rows
    twice = data.draw(st.permutations(written + written))
    assert newest(twice) == newest(written)


@given(clicks, st.integers(0, 10))
def test_every_click_is_counted_or_marks_its_closed_window(drawn: Drawn, minutes: int) -> None:
    partition = Partition(GRACE_MS, Recovered())
    partition.advance(minutes * WINDOW_MS)
    late = apply(partition, drawn, 0)
    counted = sum(row.clicks for row in partition.begin_flush().rows)
    closed = {minute * WINDOW_MS for minute, *_ in drawn if (minute + 1) * WINDOW_MS + GRACE_MS <= minutes * WINDOW_MS}
    assert counted + late == len(drawn)
    assert set(partition.late) == closed


@given(clicks, st.integers(0, 10))
def test_memory_holds_open_windows_only(drawn: Drawn, minutes: int) -> None:
    partition = Partition(GRACE_MS, Recovered())
    apply(partition, drawn, minutes * WINDOW_MS)
    partition.end_flush(partition.begin_flush())
    assert all(start + WINDOW_MS + GRACE_MS > minutes * WINDOW_MS for start in partition.windows)
    assert partition.open_rows == sum(len(rows) for rows in partition.windows.values())


@given(clicks)
def test_a_batch_is_committed_when_flushed_and_its_marks_are_worked_off(drawn: Drawn) -> None:
    partition = Partition(GRACE_MS, Recovered())
    partition.advance(3 * WINDOW_MS)
    late = apply(partition, drawn, 0)
    assert partition.settle() is None
    partition.end_flush(partition.begin_flush())
    assert partition.settle() == (None if late else len(drawn))
    while partition.begin_recount(1):
        assert partition.settle() is None
        partition.end_recount()
    assert partition.settle() == (len(drawn) if late else None)
    assert not partition.unwritten
