"""The audit of window rows against raw rows, on the real engine."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stream.sink.audit import AuditReport, audit
from stream.sink.clickhouse import ClickHouse
from stream.sink.window_audit import CLICKS, compare_windows
from tests.support.click_rows import NOON, Row, insert_clicks, insert_windows, windows_of

NOW_MS = int(NOON.timestamp() * 1000) + 3_600_000

ROWS = [
    Row(0, visitor_id="v1"),
    Row(1, NOON + timedelta(seconds=59, milliseconds=999), visitor_id="v2"),
    Row(2, NOON + timedelta(seconds=60), guide_id="导购'\\", link="L\t2"),
    Row(3, NOON + timedelta(seconds=61), is_human=False, bot_reasons=["ua_bot"]),
    Row(4, NOON + timedelta(hours=7), outcome="expired", store_id="s2"),
    Row(0, kafka_partition=3, variant="b"),
]


async def checked(clickhouse: ClickHouse) -> AuditReport:
    return await audit(clickhouse, None, now_ms=NOW_MS, hours=None)


async def test_windows_that_say_what_raw_rows_say_do_not_differ(migrated: ClickHouse) -> None:
    await insert_clicks(migrated, ROWS)
    await insert_windows(migrated, windows_of(ROWS))
    report = await checked(migrated)
    assert (report.difference, report.clicks.rows, report.clicks.counted) == (0, 5, 6)


async def test_raw_rows_that_a_zombie_wrote_twice_count_once(migrated: ClickHouse) -> None:
    await insert_clicks(migrated, ROWS)
    await insert_clicks(migrated, [replace(row, received_at=NOON + timedelta(days=40)) for row in ROWS])
    await insert_windows(migrated, windows_of(ROWS))
    assert (await checked(migrated)).difference == 0


async def test_only_the_highest_version_of_a_window_counts(migrated: ClickHouse) -> None:
    await insert_clicks(migrated, ROWS)
    await insert_windows(migrated, windows_of(ROWS))
    await insert_windows(migrated, windows_of(ROWS[:1]))
    assert (await checked(migrated)).difference == 0


async def test_an_empty_database_has_nothing_that_differs(migrated: ClickHouse) -> None:
    assert (await checked(migrated)).difference == 0


@pytest.mark.parametrize(
    ("column", "wrong", "difference"),
    [("clicks", 5, 3), ("human_clicks", 1, 1), ("redirected", 0, 2), ("visitors", 3, 1), ("store_id", "s9", 2)],
)
async def test_a_row_with_a_wrong_number_is_named_with_what_is_wrong(
    migrated: ClickHouse, column: str, wrong: object, difference: int
) -> None:
    await insert_clicks(migrated, ROWS)
    good = windows_of(ROWS)
    await insert_windows(migrated, [{**good[0], column: wrong}, *good[1:]])
    report = await checked(migrated)
    assert (report.difference, report.clicks.different) == (difference, 1)
    assert "2026-11-20 12:00 UTC" in str(report.clicks.first)
    assert f"{column} {wrong!r} instead of" in str(report.clicks.first)


async def test_the_first_of_several_windows_is_the_earliest(migrated: ClickHouse) -> None:
    await insert_clicks(migrated, ROWS)
    wrong = [{**row, "clicks": 9} for row in reversed(windows_of(ROWS[:5])[1:])]
    await insert_windows(migrated, [*windows_of(ROWS)[:1], *wrong, *windows_of(ROWS[5:])])
    report = await checked(migrated)
    assert report.clicks.different == 3
    first = report.clicks.first
    assert first is not None
    assert (first.key.values[1], first.window.numbers[0]) == ("aB3dE6g", 9)
    assert "12:01 UTC" in str(first)


async def test_a_window_without_any_raw_row_differs_by_all_its_clicks(migrated: ClickHouse) -> None:
    await insert_windows(migrated, windows_of(ROWS[:2]))
    assert (await checked(migrated)).difference == 2


async def test_raw_rows_beyond_a_windows_version_are_work_in_progress_until_they_are_committed(
    migrated: ClickHouse,
) -> None:
    await insert_clicks(migrated, ROWS)
    await insert_windows(migrated, windows_of(ROWS[:1]))
    compared = {
        committed: (await compare_windows(migrated, CLICKS, {0: committed}, since_ms=0, until_ms=NOW_MS)).difference
        for committed in (0, 1, 2, 3, 5)
    }
    assert compared == {0: 0, 1: 0, 2: 1, 3: 2, 5: 4}


async def test_windows_before_the_hours_in_question_are_left_out(migrated: ClickHouse) -> None:
    await insert_clicks(migrated, ROWS)
    late = int((NOON + timedelta(hours=8)).timestamp() * 1000)
    await insert_windows(migrated, [row for row in windows_of(ROWS) if row["kafka_partition"] == 0][-1:])
    assert (
        await compare_windows(migrated, CLICKS, {0: 9, 3: 9}, since_ms=late - 7_200_000, until_ms=late)
    ).difference == 0
    assert (await compare_windows(migrated, CLICKS, {0: 9, 3: 9}, since_ms=0, until_ms=late)).difference == 5
