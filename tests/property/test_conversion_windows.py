"""Laws of windows of conversions, whatever the events and however they come in batches."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schemas.attribution import Credit
from schemas.windows import COUNTED, WINDOW_MS, ConversionWindowRow, Facts
from stream.aggregate.conversions import ConversionPartition, ConversionTally, Counting
from stream.aggregate.partition import Recovered

GRACE_MS = 30_000
credits_ = st.builds(
    Credit,
    rule=st.just("guide"),
    confidence=st.just(0.3),
    guide_id=st.sampled_from("ab"),
    link=st.sampled_from(["", "x"]),
    facts=st.builds(Facts, *(st.sampled_from(["", name]) for name in ("s1", "r1", "双十一", "sms"))),
)
# An event: minute, type, amount, whom it is credited to and where it belongs.
events = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["order_paid", "lead"]), st.integers(0, 9), credits_), max_size=30
)


@given(events, st.lists(st.integers(0, 30)))
def test_every_event_is_counted_once_under_its_credit_and_where_it_belongs(
    drawn: list[tuple[int, str, int, Credit]], cuts: list[int]
) -> None:
    partition = ConversionPartition(GRACE_MS, Recovered())
    rows: dict[tuple[object, ...], ConversionWindowRow] = {}
    for first, end in pairwise(sorted({0, *(cut for cut in cuts if cut < len(drawn)), len(drawn)})):
        tally = ConversionTally()
        tally.count(
            [Counting(kind, "", amount, 0) for _, kind, amount, _ in drawn[first:end]],
            [minute * WINDOW_MS + 1 for minute, *_ in drawn[first:end]],
            range(first, end),
            [one for *_, one in drawn[first:end]],
        )
        partition.apply(tally, next_offset=end, arrival_ms=0)
        rows |= {row.key: row for row in partition.begin_flush().rows}
    counted: Counter[tuple[object, ...]] = Counter()
    for minute, kind, amount, one in drawn:
        key = (minute * WINDOW_MS, one.guide_id, one.link, one.variant, one.facts)
        counted.update({(key, kind): 1, (key, "amount"): amount if kind == "order_paid" else 0})
    for of, row in rows.items():
        counted.subtract({(of, name): number for name, number in zip(COUNTED, row.counts, strict=True)})
        counted.subtract({(of, "amount"): row.order_amount})
    assert not any(counted.values())
