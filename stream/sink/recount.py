"""Questions to raw rows: how far they reach, what they say of windows, which of some events are there already.

Whatever counts here counts distinct offsets, because a zombie worker may have written a row twice.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.windows import Facts, WindowRow
from stream.sink.clickhouse import ClickHouse
from stream.sink.external import texts

RawTable = Literal["clicks", "conversions"]
_EVENT_ID = {"clicks": "click_id", "conversions": "event_id"}
_MINUTE = {"clicks": "toStartOfMinute(event_time)", "conversions": "toStartOfMinute(occurred_at)"}
_KEY = {
    "clicks": "guide_id, link, variant",
    "conversions": "credited_guide_id, credited_link, credited_variant, store_id, region_id, campaign_id, touchpoint",
}
_WINDOW = _MINUTE["clicks"]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the raw rows of a partition reach; both come from one projection, so they agree with the rows."""

    offset: int
    """R, -1 without rows."""
    append_ms: int
    """The highest append time; 0 without rows."""


async def reach(clickhouse: ClickHouse, table: RawTable, partition: int) -> Reach:
    """The highest offset and append time of a partition's raw rows."""
    rows = await clickhouse.query(
        f"SELECT max(kafka_offset), toUnixTimestamp64Milli(max(append_time)) FROM {table} "
        "WHERE kafka_partition = {partition:UInt16} GROUP BY kafka_partition",
        {"partition": partition},
    )
    return Reach(int(rows[0][0]), int(rows[0][1])) if rows else Reach(-1, 0)


async def append_time(clickhouse: ClickHouse, table: RawTable, partition: int, offset: int) -> int | None:
    """When the broker appended the event of a raw row, milliseconds since 1970 UTC; None without such a row."""
    rows = await clickhouse.query(
        f"SELECT toUnixTimestamp64Milli(append_time) FROM {table} "
        "WHERE kafka_partition = {partition:UInt16} AND kafka_offset = {offset:UInt64} LIMIT 1",
        {"partition": partition, "offset": offset},
    )
    return int(rows[0][0]) if rows else None


async def touched(clickhouse: ClickHouse, table: RawTable, partition: int, first: int, last: int) -> list[int]:
    """Starts, in milliseconds, of the windows that hold events with offsets from `first` to `last`."""
    rows = await clickhouse.query(
        f"SELECT DISTINCT toUnixTimestamp({_MINUTE[table]}) AS start FROM {table} "
        "WHERE kafka_partition = {partition:UInt16} AND kafka_offset BETWEEN {first:UInt64} AND {last:UInt64} "
        "ORDER BY start",
        {"partition": partition, "first": first, "last": last},
    )
    return [int(start) * 1000 for (start,) in rows]


async def open_windows(
    clickhouse: ClickHouse, partition: int, since_ms: int, last: int
) -> list[tuple[WindowRow, set[str]]]:
    """Rows of all windows from `since_ms` on, of clicks up to offset `last`, each with its distinct human visitors."""
    start = max(0, since_ms // 1000)
    rows = await clickhouse.query(
        _counting("groupUniqArrayIf(visitor_id, is_human)", f"{_WINDOW} >= toDateTime({start}, 'UTC')"),
        {"partition": partition, "last": last},
    )
    return [(_row(row, len(row[-1])), set(row[-1])) for row in rows]


async def portions(
    clickhouse: ClickHouse, table: RawTable, partition: int, starts: Sequence[int], rows_at_once: int
) -> list[list[int]]:
    """Some windows in their order, in portions that have so many rows, give or take some, to be recounted at once.

    A window that has more is a portion of its own: it has as many as it had in memory when it was open.
    """
    if not starts:
        return []
    found = await clickhouse.query(
        f"SELECT toUnixTimestamp({_MINUTE[table]}) AS start, uniq({_KEY[table]}) FROM {table} "
        f"WHERE kafka_partition = {{partition:UInt16}} AND {_MINUTE[table]} IN ({listed(starts)}) GROUP BY start",
        {"partition": partition},
    )
    sizes = {int(start) * 1000: int(size) for start, size in found}
    split: list[list[int]] = [[]]
    room = rows_at_once
    for start in starts:
        size = sizes.get(start, 0)
        if size > room and split[-1]:
            split.append([])
            room = rows_at_once
        split[-1].append(start)
        room -= size
    return split


async def recounted(clickhouse: ClickHouse, partition: int, starts: Sequence[int]) -> list[WindowRow]:
    """Rows of some windows as raw rows have them now."""
    rows = await clickhouse.query(
        _counting("uniqExactIf(visitor_id, is_human)", f"{_WINDOW} IN ({listed(starts)})"),
        {"partition": partition, "last": (1 << 63) - 1},
    )
    return [_row(row, int(row[-1])) for row in rows]


async def written(clickhouse: ClickHouse, partition: int, starts: Sequence[int]) -> list[WindowRow]:
    """Rows of some windows as they were last written, without facts."""
    rows = await clickhouse.query(
        "SELECT toUnixTimestamp(window_start), guide_id, link, variant, version, clicks, human_clicks, redirected, "
        "tuple('', '', '', ''), visitors FROM link_windows FINAL "
        f"WHERE kafka_partition = {{partition:UInt16}} AND window_start IN ({listed(starts)})",
        {"partition": partition},
    )
    return [_row(row, int(row[-1])) for row in rows]


async def shares(
    clickhouse: ClickHouse, partition: int, day_start_ms: int, hour_start_ms: int, until_ms: int, but: Collection[int]
) -> list[tuple[int, str, str, int, int]]:
    """(minute, guide, link, clicks, human clicks) of written windows before `until_ms`, minutes in milliseconds.

    From the hour's start on minute by minute; what lies before, back to the day's start, is summed up at that start.
    Windows whose starts are in `but` are left out.
    """
    rows = await clickhouse.query(
        f"""
        SELECT if(toUnixTimestamp(window_start) < {{hour:UInt32}}, {{day:UInt32}}, toUnixTimestamp(window_start))
            AS minute, guide_id, link, sum(clicks), sum(human_clicks)
        FROM link_windows FINAL
        WHERE kafka_partition = {{partition:UInt16}}
            AND window_start >= toDateTime(least({{day:UInt32}}, {{hour:UInt32}}))
            AND window_start < toDateTime({{until:UInt32}}) AND {without(but, min(day_start_ms, hour_start_ms))}
        GROUP BY minute, guide_id, link
        """,
        {
            "partition": partition,
            "day": day_start_ms // 1000,
            "hour": hour_start_ms // 1000,
            "until": max(0, until_ms // 1000),
        },
    )
    return [(int(minute) * 1000, guide, link, int(clicks), int(human)) for minute, guide, link, clicks, human in rows]


async def known(clickhouse: ClickHouse, table: RawTable, event_ids: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """Where events of these ids are already: (Kafka partition, offset) of each of their raw rows."""
    name = _EVENT_ID[table]
    # Neither DISTINCT nor ORDER BY: both are done in the order of the table, for which no projection is used.
    rows = await clickhouse.query(
        f"SELECT {name}, kafka_partition, kafka_offset FROM {table} WHERE {name} IN ids",
        tables={"ids": texts(set(event_ids))},
    )
    found: dict[str, set[tuple[int, int]]] = {}
    for event_id, partition, offset in rows:
        found.setdefault(event_id, set()).add((int(partition), int(offset)))
    return {event_id: sorted(places) for event_id, places in found.items()}


def without(starts: Iterable[int], since_ms: int) -> str:
    """The condition that a window from `since_ms` on is none of these; those before would make it long for nothing."""
    named = listed([start for start in starts if start >= since_ms])
    return f"window_start NOT IN ({named})" if named else "true"


def listed(starts: Sequence[int]) -> str:
    """Starts of windows, milliseconds since 1970 UTC, as the items of an IN."""
    # Seconds, as the column has them: a call of toDateTime() costs 50 us each, which for a day of them is all there is.
    # A list, no array: of that the engine makes has(), which no index helps.
    return ", ".join(str(int(start) // 1000) for start in starts)


def _counting(visitors: str, which: str) -> str:
    return f"""
        SELECT toUnixTimestamp({_WINDOW}) AS start, guide_id, link, variant, max(kafka_offset), count(),
            countIf(is_human), countIf(outcome = 'redirected'),
            argMin((store_id, region_id, campaign_id, touchpoint), kafka_offset), {visitors}
        FROM (
            SELECT event_time, guide_id, link, variant, kafka_offset, is_human, outcome, visitor_id,
                store_id, region_id, campaign_id, touchpoint
            FROM clicks
            WHERE kafka_partition = {{partition:UInt16}} AND kafka_offset <= {{last:UInt64}} AND {which}
            LIMIT 1 BY kafka_offset
        )
        GROUP BY start, guide_id, link, variant
        """


def _row(row: tuple[Any, ...], visitors: int) -> WindowRow:
    start, guide, link, variant, version, *counts, facts, _ = row
    clicks, human, redirected = map(int, counts)
    key = (int(start) * 1000, guide, link, variant)
    return WindowRow(*key, int(version), clicks, human, redirected, visitors, Facts(*facts))
