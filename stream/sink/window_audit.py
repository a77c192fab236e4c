"""Window rows of clicks against a recount of the raw rows that they claim to hold.

Two passes. The first compares whole stretches of time inside ClickHouse and finds every key whose row does not equal
all its raw rows; beside a running worker these are the windows it is just writing. The second reads those rows, and
then counts the raw rows that each claims: raw rows go in first, so what was read claims nothing that is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from stream.sink.clickhouse import ClickHouse

_STRETCH_MS = 6 * 3_600_000
"""Event time of one question: memory in ClickHouse grows with the keys and visitors of it."""
_KEYS_AT_ONCE = 1_000
_MOST_SUSPECTS = 50_000
"""Of one stretch. Windows that are just being written are some thousands; more is a disaster of no exact size."""


class Key(NamedTuple):
    """What a window row is a row of; keys sort by time."""

    start_s: int
    """Start of the window, seconds since 1970 UTC."""
    partition: int
    guide_id: str
    link: str
    variant: str


class Counts(NamedTuple):
    """What a window row says, or what raw rows say it should."""

    clicks: int = 0
    human_clicks: int = 0
    redirected: int = 0
    visitors: int = 0
    store_id: str = ""
    region_id: str = ""
    campaign_id: str = ""
    touchpoint: str = ""

    def difference(self, other: "Counts") -> int:
        """Clicks by which the two differ: the largest of the counts' differences, all clicks when the facts differ."""
        by_count = max(abs(mine - theirs) for mine, theirs in zip(self[:4], other[:4], strict=True))
        return by_count if by_count or self[4:] == other[4:] else self.clicks


@dataclass(frozen=True, slots=True)
class WindowDifference:
    """A window row that is not what raw rows say."""

    key: Key
    window: Counts
    raw: Counts

    def __str__(self) -> str:
        start = datetime.fromtimestamp(self.key.start_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
        wrong = ", ".join(
            f"{name} {mine!r} instead of {theirs!r}"
            for name, mine, theirs in zip(Counts._fields, self.window, self.raw, strict=True)
            if mine != theirs
        )
        return (
            f"{start}, guide {self.key.guide_id!r}, link {self.key.link!r}, variant {self.key.variant!r}, "
            f"partition {self.key.partition}: {wrong}"
        )


@dataclass(frozen=True, slots=True)
class Windows:
    """What was compared."""

    rows: int = 0
    clicks: int = 0
    different: int = 0
    difference: int = 0
    first: WindowDifference | None = None
    cut: bool = False
    """There were more windows to look at closely than were looked at: the numbers are lower bounds."""

    def __str__(self) -> str:
        least = "at least " if self.cut else ""
        return (
            f"windows: {self.rows} rows of {self.clicks} clicks compared, "
            f"{least}{self.different} differ, by {least}{self.difference} clicks"
        )


async def compare_windows(
    clickhouse: ClickHouse, committed: Mapping[int, int], *, since_ms: int, until_ms: int
) -> Windows:
    """Compare the rows of all windows that start from `since_ms` on.

    Args:
        clickhouse: connected to the database.
        committed: by Kafka partition, the offset below which every click must be in its window.
        since_ms: of event time, milliseconds since 1970 UTC.
        until_ms: now; windows beyond it, of clicks whose clocks are fast, are compared too.
    """
    rows = clicks = different = difference = 0
    first: WindowDifference | None = None
    cut = False
    for start_s, stop_s in await _stretches(clickhouse, since_ms, until_ms):
        keys, suspects, compared, counted = await _suspects(clickhouse, start_s, stop_s)
        rows, clicks, cut = rows + compared, clicks + counted, cut or suspects > len(keys)
        for at in range(0, len(keys), _KEYS_AT_ONCE):
            found = await _different(clickhouse, keys[at : at + _KEYS_AT_ONCE], committed)
            different += len(found)
            difference += sum(one.window.difference(one.raw) for one in found)
            first = first or (found[0] if found else None)
    return Windows(rows, clicks, different, difference, first, cut)


async def _stretches(clickhouse: ClickHouse, since_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Half-open stretches of seconds, ascending, that cover everything there is from `since_ms` on."""
    since_s = -(-since_ms // 60_000) * 60  # of the window before it, not all clicks are in question
    rows = await clickhouse.query(
        """
        SELECT min(low), max(high) FROM (
            SELECT toUnixTimestamp(min(event_time)) AS low, toUnixTimestamp(max(event_time)) AS high
            FROM clicks WHERE event_time >= toDateTime({since:UInt32}, 'UTC') HAVING count() > 0
            UNION ALL
            SELECT toUnixTimestamp(min(window_start)), toUnixTimestamp(max(window_start))
            FROM link_windows WHERE window_start >= toDateTime({since:UInt32}, 'UTC') HAVING count() > 0
        ) HAVING count() > 0
        """,
        {"since": since_s},
    )
    if not rows:
        return []
    low, high, size = int(rows[0][0]) // 60 * 60, int(rows[0][1]) + 1, _STRETCH_MS // 1000
    stretches = [(start, start + size) for start in range(low, high, size)]
    # What comes in meanwhile belongs to the last stretch.
    return [*stretches[:-1], (stretches[-1][0], max(stretches[-1][1], until_ms // 1000 + size))]


_RAW = """
    SELECT kafka_partition, toStartOfMinute(event_time) AS window_start, guide_id, link, variant,
        count() AS clicks, countIf(is_human) AS human_clicks, countIf(outcome = 'redirected') AS redirected,
        uniqExactIf(visitor_id, is_human) AS visitors,
        argMin((store_id, region_id, campaign_id, touchpoint), kafka_offset) AS facts, max(kafka_offset) AS version
    FROM ({rows})
    GROUP BY kafka_partition, window_start, guide_id, link, variant
"""
_WRITTEN = """
    SELECT kafka_partition, window_start, toString(guide_id) AS guide_id, link, toString(variant) AS variant,
        clicks, human_clicks, redirected, visitors,
        (toString(store_id), toString(region_id), toString(campaign_id), toString(touchpoint)) AS facts, version
    FROM link_windows FINAL
    WHERE {which}
"""
_KEY = "kafka_partition, window_start, guide_id, link, variant"
_SAID = "clicks, human_clicks, redirected, visitors, facts, version"
_KEYS = "Array(Tuple(UInt32, UInt16, String, String, String))"
_LIMITS = "Array(Tuple(UInt32, UInt16, String, String, String, Int64))"


async def _suspects(clickhouse: ClickHouse, start_s: int, stop_s: int) -> tuple[list[Key], int, int, int]:
    """Keys whose row does not equal all their raw rows now, the earliest first, up to a number.

    Returns:
        The keys, how many there are, and how many rows of how many clicks were compared.
    """
    between = "{column} >= toDateTime({{start:UInt32}}, 'UTC') AND {column} < toDateTime({{stop:UInt32}}, 'UTC')"
    raw = _RAW.format(rows="SELECT * FROM clicks FINAL WHERE " + between.format(column="toStartOfMinute(event_time)"))
    written = _WRITTEN.format(which=between.format(column="window_start"))
    rows = await clickhouse.query(
        f"""
        SELECT groupArraySortedIf({_MOST_SUSPECTS})(
                (toUnixTimestamp(window_start), kafka_partition, guide_id, link, variant), suspect
            ), countIf(suspect), count(), sum(counted)
        FROM (
            SELECT {_KEY}, count() != 2 OR uniqExact({_SAID}) != 1 AS suspect, max(clicks) AS counted
            FROM (SELECT {_KEY}, {_SAID} FROM ({raw}) UNION ALL SELECT {_KEY}, {_SAID} FROM ({written}))
            GROUP BY {_KEY}
        )
        """,
        {"start": start_s, "stop": stop_s},
    )
    keys, suspects, compared, counted = rows[0]
    return [Key(*key) for key in keys], int(suspects), int(compared), int(counted)


async def _different(
    clickhouse: ClickHouse, keys: Sequence[Key], committed: Mapping[int, int]
) -> list[WindowDifference]:
    written = await _written(clickhouse, keys)
    nothing = (Counts(), -1)
    limits = {key: max(written.get(key, nothing)[1], committed.get(key.partition, 0) - 1) for key in keys}
    raw = await _counted(clickhouse, limits)
    pairs = [(key, written.get(key, nothing)[0], raw.get(key, Counts())) for key in keys]
    return [WindowDifference(key, said, counts) for key, said, counts in pairs if said != counts]


async def _written(clickhouse: ClickHouse, keys: Sequence[Key]) -> dict[Key, tuple[Counts, int]]:
    """What is written for these keys, and up to which offset."""
    which = f"""
        window_start BETWEEN toDateTime({keys[0].start_s}, 'UTC') AND toDateTime({keys[-1].start_s}, 'UTC')
        AND (toUnixTimestamp(window_start), kafka_partition, guide_id, link, variant) IN {{keys:{_KEYS}}}
    """
    rows = await clickhouse.query(
        f"SELECT toUnixTimestamp(window_start), kafka_partition, guide_id, link, variant, {_SAID} "
        f"FROM ({_WRITTEN.format(which=which)})",
        {"keys": [tuple(key) for key in keys]},
    )
    return {Key(*row[:5]): (Counts(*row[5:9], *row[9]), int(row[10])) for row in rows}


async def _counted(clickhouse: ClickHouse, limits: Mapping[Key, int]) -> dict[Key, Counts]:
    """What raw rows say of these keys, each counted up to and with its own offset."""
    starts = [key.start_s for key in limits]
    counted = f"""
        SELECT c.*
        FROM (
            SELECT * FROM clicks FINAL
            WHERE toStartOfMinute(event_time)
                BETWEEN toDateTime({min(starts)}, 'UTC') AND toDateTime({max(starts)}, 'UTC')
        ) AS c
        INNER JOIN (
            SELECT one.1 AS start_s, one.2 AS partition, one.3 AS guide, one.4 AS code, one.5 AS arm, one.6 AS up_to
            FROM (SELECT arrayJoin({{limits:{_LIMITS}}}) AS one)
        ) AS l
        ON toUnixTimestamp(toStartOfMinute(c.event_time)) = l.start_s AND c.kafka_partition = l.partition
            AND c.guide_id = l.guide AND c.link = l.code AND c.variant = l.arm
        WHERE toInt64(c.kafka_offset) <= l.up_to
    """
    rows = await clickhouse.query(
        f"SELECT toUnixTimestamp(window_start), kafka_partition, guide_id, link, variant, {_SAID} "
        f"FROM ({_RAW.format(rows=counted)})",
        {"limits": [(*key, limit) for key, limit in limits.items()]},
    )
    return {Key(*row[:5]): Counts(*row[5:9], *row[9]) for row in rows}
