"""What written windows say of the stages after the click: the numbers that stage gauges are loaded with."""

from collections.abc import Collection
from typing import Final

from schemas.windows import COUNTED, ConversionWindowRow
from stream.sink.clickhouse import ClickHouse
from stream.sink.recount import without

STAGES: Final = (
    "lead",
    "friend_added",
    "friend_deleted",
    "message_in",
    "message_out",
    "store_visit",
    "order_paid",
    "order_refunded",
)
"""Types of conversions with gauges of their own: each is a series per guide and span."""
AMOUNTS: Final = ("order_amount", "refund_amount")
_PLACES: Final = tuple(COUNTED.index(stage) for stage in STAGES)


def numbers(row: ConversionWindowRow) -> tuple[int, ...]:
    """The counts of `STAGES` and then the `AMOUNTS`, these in ten-thousandths."""
    return (*(row.counts[place] for place in _PLACES), row.order_amount, row.refund_amount)


async def stage_shares(
    clickhouse: ClickHouse, partition: int, day_start_ms: int, hour_start_ms: int, until_ms: int, but: Collection[int]
) -> list[tuple[int, str, tuple[int, ...]]]:
    """(minute, guide, numbers) of written windows before `until_ms`, minutes in milliseconds.

    From the hour's start on minute by minute; what lies before, back to the day's start, is summed up at that start.
    Windows whose starts are in `but` are left out.
    """
    counts = ", ".join(f"sum({stage})" for stage in STAGES)
    amounts = ", ".join(f"toInt64(sum({amount}) * 10000)" for amount in AMOUNTS)
    rows = await clickhouse.query(
        f"""
        SELECT if(toUnixTimestamp(window_start) < {{hour:UInt32}}, {{day:UInt32}}, toUnixTimestamp(window_start))
            AS minute, guide_id, {counts}, {amounts}
        FROM conversion_windows FINAL
        WHERE kafka_partition = {{partition:UInt16}}
            AND window_start >= toDateTime(least({{day:UInt32}}, {{hour:UInt32}}))
            AND window_start < toDateTime({{until:UInt32}}) AND {without(but, min(day_start_ms, hour_start_ms))}
        GROUP BY minute, guide_id
        """,
        {
            "partition": partition,
            "day": day_start_ms // 1000,
            "hour": hour_start_ms // 1000,
            "until": max(0, until_ms // 1000),
        },
    )
    return [(int(minute) * 1000, guide, tuple(map(int, found))) for minute, guide, *found in rows]
