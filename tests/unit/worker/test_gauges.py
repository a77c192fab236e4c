from typing import Any
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import REGISTRY

from schemas.windows import WINDOW_MS, Facts, WindowRow, window_of
from stream.worker.gauges import NOBODY, Gauges

SHANGHAI = ZoneInfo("Asia/Shanghai")
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
    gauges = Gauges(SHANGHAI, top_links=2, clock=clock)
    yield gauges
    gauges.clear()
    gauges._next_top_s = 0.0
    gauges.show()  # other tests share the registry


def row(minutes_ago: int, link: str, clicks: int, human: int = 0, guide: str = "g1") -> WindowRow:
    return WindowRow(window_of(NOON) - minutes_ago * WINDOW_MS, guide, link, "", 1, clicks, human, 0, 0, Facts())


def grew(gauges: Gauges, *rows: WindowRow) -> None:
    gauges.grew(rows, [None] * len(rows))


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"guidestream_{name}", labels)


def test_growth_is_shown_in_the_spans_that_hold_its_minute(gauges: Gauges) -> None:
    grew(gauges, row(0, "a", 5, 4), row(10, "a", 3, 3), row(70, "a", 2))
    gauges.show()
    values = {span: shown("guide_clicks", guide="g1", window=span) for span in ("5m", "1h", "day")}
    assert values == {"5m": 5, "1h": 8, "day": 10}
    assert shown("link_human_clicks", link="a", window="day") == 7


def test_a_row_that_was_flushed_before_adds_the_difference(gauges: Gauges) -> None:
    grew(gauges, row(0, "a", 5, 4))
    gauges.grew([row(0, "a", 9, 6)], [row(0, "a", 5, 4)])
    gauges.show()
    assert shown("guide_clicks", guide="g1", window="day") == 9
    assert shown("guide_human_clicks", guide="g1", window="day") == 6


def test_minutes_leave_and_their_labels_disappear(gauges: Gauges, clock: Clock) -> None:
    grew(gauges, row(0, "a", 5, 4))
    gauges.show()
    clock.now += 5 * WINDOW_MS
    gauges._next_top_s = 0.0
    gauges.show()
    assert shown("guide_clicks", guide="g1", window="5m") is None
    assert shown("link_clicks", link="a", window="5m") is None
    assert shown("guide_clicks", guide="g1", window="1h") == 5


def test_links_beyond_the_top_are_one_number(gauges: Gauges) -> None:
    grew(gauges, *(row(0, link, clicks) for link, clicks in zip("abcd", (4, 3, 2, 1), strict=True)))
    gauges.show()
    assert shown("link_clicks", link="a", window="1h") == 4
    assert shown("link_clicks", link="c", window="1h") is None
    assert shown("link_clicks_rest", window="1h") == 3
    assert shown("links_left_out", window="1h") == 2


def test_a_recount_adds_only_what_was_not_written_before(gauges: Gauges) -> None:
    before = row(0, "a", 5, 4)
    grew(gauges, before)
    gauges.restated([before], [before._replace(clicks=7), row(0, "b", 1)])
    gauges.show()
    assert shown("link_clicks", link="a", window="day") == 7
    assert shown("link_clicks", link="b", window="day") == 1


def test_clicks_of_nobody_have_a_label_of_their_own(gauges: Gauges) -> None:
    grew(gauges, row(0, "a", 5, 4, guide=""))
    gauges.show()
    assert shown("guide_clicks", guide=NOBODY, window="day") == 5


def test_giving_partitions_up_removes_every_label(gauges: Gauges) -> None:
    grew(gauges, row(0, "a", 5, 4))
    gauges.show()
    gauges.clear()
    gauges._next_top_s = 0.0
    gauges.show()
    assert shown("guide_clicks", guide="g1", window="day") is None
    assert shown("link_clicks", link="a", window="day") is None
