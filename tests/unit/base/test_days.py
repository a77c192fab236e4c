from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from stream.base.days import Day, day_at

HOUR = 3_600_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = 1_795_147_200_000  # 20 November 2026, 12:00 in Shanghai


def test_a_business_day_goes_from_midnight_to_midnight_of_the_brand() -> None:
    day = Day("2026-11-20", NOON - 12 * HOUR, NOON + 12 * HOUR)
    for at_ms in (day.start_ms, NOON, day.end_ms - 1):
        assert day_at(at_ms, SHANGHAI) == day
    assert day_at(day.end_ms, SHANGHAI) == Day("2026-11-21", day.end_ms, day.end_ms + 24 * HOUR)
    assert day_at(day.start_ms - 1, SHANGHAI).end_ms == day.start_ms
    assert day_at(NOON, ZoneInfo("UTC")).start_ms == NOON - 4 * HOUR


@pytest.mark.parametrize(
    ("zone", "name", "hours"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", 23, id="put forward in the night"),
        pytest.param("Europe/Berlin", "2026-10-25", 25, id="put back in the night"),
        pytest.param("Africa/Cairo", "2026-04-24", 23, id="without a midnight"),
        pytest.param("America/Havana", "2026-11-01", 25, id="with two midnights"),
    ],
)
def test_a_day_on_which_clocks_are_put_on_is_whole(zone: str, name: str, hours: int) -> None:
    noon = datetime.fromisoformat(f"{name}T12:00").replace(tzinfo=ZoneInfo(zone))
    day = day_at(int(noon.timestamp() * 1000), ZoneInfo(zone))
    assert (day.name, day.end_ms - day.start_ms) == (name, hours * HOUR)
    for at_ms in range(day.start_ms, day.end_ms, HOUR // 4):
        assert day_at(at_ms, ZoneInfo(zone)) == day
    assert day_at(day.end_ms, ZoneInfo(zone)).start_ms == day.end_ms
