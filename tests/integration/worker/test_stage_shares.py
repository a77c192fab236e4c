"""What stage gauges are loaded with after a restart: written windows, the hour by minutes, the day before it in one."""

from datetime import UTC, datetime

from stream.sink.clickhouse import ClickHouse
from stream.sink.stage_shares import stage_shares

HOUR = 3_600_000
NOON_MS = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp() * 1000)


async def test_the_newest_rows_of_closed_windows_of_one_partition_are_summed_up(migrated: ClickHouse) -> None:
    def at(ms: int) -> str:
        return f"toDateTime({ms // 1000}, 'UTC')"

    early, late, minute = NOON_MS - 5 * HOUR, NOON_MS - 10 * 60_000, NOON_MS - 60_000
    await migrated.command(
        f"""
        INSERT INTO conversion_windows
            (window_start, guide_id, link, kafka_partition, version, friend_added, order_paid, order_amount,
             refund_amount)
        VALUES ({at(early)}, 'g1', 'a', 0, 1, 9, 9, 9, 9), ({at(early)}, 'g1', 'a', 0, 5, 2, 1, 10.5, 0),
               ({at(early + 60_000)}, 'g1', 'b', 0, 1, 1, 0, 0, 0.0001), ({at(late)}, 'g1', 'a', 0, 2, 3, 0, 0, 0),
               ({at(late)}, '', '', 0, 2, 0, 1, 1, 0), ({at(late)}, 'g1', 'a', 1, 2, 50, 0, 0, 0),
               ({at(minute)}, 'g1', 'a', 0, 9, 7, 0, 0, 0), ({at(NOON_MS - 30 * HOUR)}, 'g1', 'a', 0, 9, 70, 0, 0, 0)
        """
    )
    rows = await stage_shares(migrated, 0, NOON_MS - 12 * HOUR, NOON_MS - HOUR, minute, ())
    assert sorted(rows) == [
        (NOON_MS - 12 * HOUR, "g1", (0, 3, 0, 0, 0, 0, 1, 0, 105_000, 1)),
        (late, "", (0, 0, 0, 0, 0, 0, 1, 0, 10_000, 0)),
        (late, "g1", (0, 3, 0, 0, 0, 0, 0, 0, 0, 0)),
    ]
    rest = await stage_shares(migrated, 0, NOON_MS - 12 * HOUR, NOON_MS - HOUR, minute, {early, late})
    assert rest == [(NOON_MS - 12 * HOUR, "g1", (0, 1, 0, 0, 0, 0, 0, 0, 0, 1))]
