"""Times as shops and spreadsheets write them."""

from datetime import UTC, date, datetime
from datetime import time as time_of_day
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.rejects import Reject
from stream.mapping.times import check_format, day, time

SHANGHAI = ZoneInfo("Asia/Shanghai")
AUTO = time(["auto"], SHANGHAI)
AT = 1_794_398_400_000
"""2026-11-11 20:00:00 in Shanghai."""


@pytest.mark.parametrize(
    "raw",
    [
        "2026-11-11 20:00:00",
        "2026-11-11T20:00:00",
        "2026-11-11 20:00",
        "2026-11-11T12:00:00Z",
        "2026-11-11T12:00:00.000+00:00",
        "2026-11-11T07:00:00-05:00",
        "2026/11/11 20:00:00",
        "2026/11/11 20:00",
        "2026.11.11 20:00:00",
        "2026年11月11日 20:00:00",
        "2026年11月11日20时00分",
        "20261111200000",
        "1794398400",
        "1794398400000",
        "1794398400.0",
        1794398400,
        1794398400000,
        1794398400.0,
        46337.833333333336,
        "46337.8333333333",
        datetime(2026, 11, 11, 20),  # noqa: DTZ001 - as a spreadsheet has it
        datetime(2026, 11, 11, 12, tzinfo=UTC),
    ],
)
def test_one_moment_in_many_spellings(raw: Any) -> None:
    assert AUTO(raw) == AT


@pytest.mark.parametrize(
    "raw", ["2026-11-11", "2026/11/11", "20261111", "2026年11月11日", date(2026, 11, 11), 46337, "46337"]
)
def test_a_day_begins_at_midnight_in_the_zone(raw: Any) -> None:
    assert AUTO(raw) == AT - 20 * 3_600_000


def test_single_digits_and_fractions() -> None:
    assert AUTO("2026/1/5 9:05") == 1767575100000
    assert AUTO("2026-11-11T20:00:00.123456") == AT + 123
    assert AUTO(1794398400.5) == AT + 500


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "yesterday",
        "20:00",
        "2026-13-01",
        "2026-02-30 10:00:00",
        "2026-11-11x20:00:00",
        "2026-11-11+08:00",
        "11/12/2026",
        "26-11-11",
        "2026-11-11 25:00:00",
        "2026-11-11 20:00:00 CST",
        "1" * 11,
        "1" * 15,
        "179439840",
        "-1794398400",
        "x" * 100_000,
        "２０２６-11-11",
        7,
        -5,
        1e18,
        float("nan"),
        float("inf"),
        True,
        None,
        [],
        {},
        time_of_day(20),
    ],
)
def test_what_is_no_time_is_refused(raw: Any) -> None:
    with pytest.raises(Reject):
        AUTO(raw)


def test_formats_are_tried_in_turn_and_nothing_else() -> None:
    read = time(["%d/%m/%Y %H:%M", "epoch_ms"], SHANGHAI)
    assert read("11/11/2026 20:00") == AT
    assert read("1794398400000") == AT
    with pytest.raises(Reject, match="%d/%m/%Y"):
        read("2026-11-11 20:00:00")


def test_a_unit_that_is_named_is_believed() -> None:
    assert time(["epoch_s"], SHANGHAI)("1794398400") == AT
    assert time(["epoch_ms"], SHANGHAI)(1794398400) == 1794398400
    assert time(["excel"], SHANGHAI)("46337.5") == AT - 8 * 3_600_000
    assert time(["iso"], SHANGHAI)("2026-11-11T12:00:00Z") == AT
    with pytest.raises(Reject):
        time(["iso"], SHANGHAI)("1794398400")


def test_days_are_days_of_the_zone() -> None:
    read = day(["auto"], SHANGHAI)
    assert read("2026-11-11") == "2026-11-11"
    assert read("2026-11-10T16:00:00Z") == "2026-11-11"
    assert read(datetime(2026, 11, 11)) == "2026-11-11"  # noqa: DTZ001 - as a spreadsheet has it


@pytest.mark.parametrize(
    ("formats", "raw"),
    [
        (["auto"], "0001-01-01"),
        (["auto"], "0001-01-01T00:00:00Z"),
        (["auto"], date.min),
        (["auto"], "9999-12-31T23:59:59Z"),
        (["auto"], "1899-12-30"),
        (["auto"], "2200-01-02"),
        (["epoch_s"], 10**12),
        (["epoch_ms"], 10**17),
        (["epoch_ms"], 1e300),
        (["%Y-%m-%d"], "0001-01-01"),
    ],
)
def test_moments_and_days_that_only_stand_for_nothing_are_refused(formats: list[str], raw: Any) -> None:
    for read in (time(formats, SHANGHAI), day(formats, SHANGHAI)):
        with pytest.raises(Reject, match="outside of the years 1900 to 2199; leave it empty where there is none"):
            read(raw)


def test_a_format_by_which_it_would_be_no_time_leaves_it_to_the_next() -> None:
    assert time(["epoch_s", "epoch_ms"], SHANGHAI)(AT) == AT


@pytest.mark.parametrize("name", ["auto", "iso", "epoch_s", "epoch_ms", "excel", "%Y-%m-%d %H:%M:%S", "%y%m%d"])
def test_formats_that_there_are(name: str) -> None:
    check_format(name)


@pytest.mark.parametrize("name", ["", "epoch", "YYYY-MM-DD", "%H:%M", "%Y-%Q", "%Y %", "%Y%Y", "%Y %c"])
def test_formats_that_there_are_not(name: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_format(name)
