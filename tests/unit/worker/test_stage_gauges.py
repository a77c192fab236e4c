from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY

from schemas.windows import COUNTED, WINDOW_MS, ConversionWindowRow, Facts, window_of
from stream.worker.gauges import NOBODY
from stream.worker.stage_gauges import StageGauges

NOON = 1_795_147_200_000  # 20 November 2026, 12:00 in Shanghai


class Clock:
    now = NOON

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gauges(clock: Clock) -> Any:
    gauges = StageGauges(ZoneInfo("Asia/Shanghai"), clock)
    yield gauges
    gauges.clear()
    gauges.show()  # other tests share the registry


def row(minutes_ago: int, guide: str = "g1", *, paid: int = 0, refunded: int = 0, **counts: int) -> ConversionWindowRow:
    numbers = tuple(counts.get(name, 0) for name in COUNTED)
    start = window_of(NOON) - minutes_ago * WINDOW_MS
    return ConversionWindowRow(start, guide, "l", "", Facts(), 1, numbers, paid, refunded, 0, 0)


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"guidestream_guide_{name}", labels)


def test_each_stage_is_shown_in_the_spans_that_hold_its_minute(gauges: StageGauges) -> None:
    gauges.grew([row(0, friend_added=2), row(20, friend_added=1, order_paid=3, paid=1_234_500)], [None, None])
    gauges.show()
    added = {span: shown("conversions", guide="g1", type="friend_added", window=span) for span in ("5m", "1h", "day")}
    assert added == {"5m": 2, "1h": 3, "day": 3}
    assert shown("conversions", guide="g1", type="order_paid", window="1h") == 3
    assert shown("revenue", guide="g1", window="day") == 123.45


def test_a_stage_that_nobody_reached_has_no_series(gauges: StageGauges) -> None:
    gauges.grew([row(0, lead=1)], [None])
    gauges.show()
    assert shown("conversions", guide="g1", type="order_paid", window="day") is None
    assert shown("revenue", guide="g1", window="day") is None


def test_a_recount_moves_what_was_credited_elsewhere(gauges: StageGauges) -> None:
    before = row(0, order_paid=2, paid=20_000, refunded=5_000, order_refunded=1)
    gauges.grew([before], [None])
    gauges.restated([before], [row(0), row(0, "", order_paid=2, paid=20_000)])
    gauges.show()
    assert shown("conversions", guide="g1", type="order_paid", window="5m") is None
    assert shown("refunds", guide="g1", window="5m") is None
    assert shown("conversions", guide=NOBODY, type="order_paid", window="5m") == 2
    assert shown("revenue", guide=NOBODY, window="5m") == 2


def test_a_recount_of_one_link_in_two_campaigns_moves_each_by_its_own(gauges: StageGauges) -> None:
    summer, winter = row(0, order_paid=5), row(0, order_paid=2)._replace(facts=Facts(campaign_id="双十一"))
    gauges.grew([summer, winter], [None, None])
    more = row(0, order_paid=3)._replace(facts=winter.facts)
    gauges.restated([summer, winter], [summer, more])
    gauges.show()
    assert shown("conversions", guide="g1", type="order_paid", window="day") == 8


def test_minutes_leave(gauges: StageGauges, clock: Clock) -> None:
    gauges.grew([row(0, message_in=4)], [None])
    gauges.show()
    clock.now += 5 * WINDOW_MS
    gauges.show()
    assert shown("conversions", guide="g1", type="message_in", window="5m") is None
    assert shown("conversions", guide="g1", type="message_in", window="1h") == 4


def test_types_without_a_gauge_leave_no_trace(gauges: StageGauges) -> None:
    gauges.grew([row(0, page_view=9)], [None])
    gauges.show()
    assert not [sample for family in REGISTRY.collect() for sample in family.samples if sample.labels.get("type")]
