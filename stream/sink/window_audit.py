"""Window rows against a recount of the raw rows that they claim to hold.

Two passes. The first compares whole stretches of time inside ClickHouse and finds every key whose row does not equal
all its raw rows; beside a running worker these are the windows it is just writing. The second reads those rows, and
then counts the raw rows that each claims: raw rows go in first, so what was read claims nothing that is not there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from struct import Struct
from typing import Any, Final, NamedTuple

from schemas.conversions import CONVERSION_TYPES
from stream.sink.binary import texts
from stream.sink.clickhouse import ClickHouse
from stream.sink.external import Table

_STRETCH_MS = 6 * 3_600_000
"""Event time of one question: memory in ClickHouse grows with the keys and visitors of it."""
_MOST_SUSPECTS = 50_000
"""Of one stretch. Windows that are just being written are some thousands; more is a disaster of no exact size."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A table of windows and the table of raw rows that it counts."""

    events: str
    """What is counted, for people."""
    raw: str
    windows: str
    time: str
    """Column of raw rows that says which window they belong to."""
    key: Mapping[str, str]
    """What is counted apart besides time and Kafka partition: column of raw rows by column of the windows."""
    facts: tuple[str, ...]
    """Columns that say what the first event of a row says."""
    counts: Mapping[str, str]
    """Numbers of events, of which each event is in one: expression over raw rows `r` by column of the windows."""
    others: Mapping[str, str]
    """Further measures, likewise."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of the windows that are counts and sums."""
        return (*self.counts, *self.others)


_PLACE: Final = ("store_id", "region_id", "campaign_id", "touchpoint")
CLICKS: Final = Kind(
    events="clicks",
    raw="clicks",
    windows="link_windows",
    time="event_time",
    key={"guide_id": "guide_id", "link": "link", "variant": "variant"},
    facts=_PLACE,
    counts={"clicks": "count()"},
    others={
        "human_clicks": "countIf(is_human)",
        "redirected": "countIf(outcome = 'redirected')",
        "visitors": "uniqExactIf(visitor_id, is_human)",
    },
)
CONVERSIONS: Final = Kind(
    events="conversions",
    raw="conversions",
    windows="conversion_windows",
    time="occurred_at",
    key={
        "guide_id": "credited_guide_id",
        "link": "credited_link",
        "variant": "credited_variant",
        **{name: name for name in _PLACE},
    },
    facts=(),
    counts={name: f"countIf(type = '{name}')" for name in sorted(CONVERSION_TYPES)},
    others={
        "customers": "uniqExactIf(customer_id, customer_id != '')",
        "order_amount": "toDecimal64(sumIf(amount, type = 'order_paid'), 4)",
        "refund_amount": "toDecimal64(sumIf(amount, type = 'order_refunded'), 4)",
        "margin": "toDecimal64(sumIf(r.margin, type = 'order_paid') - sumIf(r.margin, type = 'order_refunded'), 4)",
    },
)


class Key(NamedTuple):
    """What a window row is a row of; keys sort by time."""

    start_s: int
    """Start of the window, seconds since 1970 UTC."""
    partition: int
    values: tuple[str, ...]
    """Of the columns of the kind's key."""


class Measures(NamedTuple):
    """What a window row says, or what raw rows say it should: numbers by the names of its kind, and the facts."""

    numbers: tuple[int | Decimal, ...]
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WindowDifference:
    """A window row that is not what raw rows say."""

    kind: Kind
    key: Key
    window: Measures
    raw: Measures

    @property
    def events(self) -> int:
        """By how many events the two differ: the largest difference of a number of events or people, else all."""
        pairs = zip(self.window.numbers, self.raw.numbers, strict=True)
        by_count = max(
            int(abs(mine - theirs)) for mine, theirs in pairs if isinstance(mine, int) and isinstance(theirs, int)
        )
        return by_count or max(_events(self.kind, self.window), _events(self.kind, self.raw))

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        said = {name: _named(self.kind, one) for name, one in (("window", self.window), ("raw", self.raw))}
        key = {"start_s": self.key.start_s, "partition": self.key.partition, **self._of()}
        return {"events": self.kind.events, "key": key, **said}

    def __str__(self) -> str:
        start = datetime.fromtimestamp(self.key.start_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
        window, raw = _named(self.kind, self.window), _named(self.kind, self.raw)
        wrong = ", ".join(
            f"{name} {window[name]!r} instead of {raw[name]!r}" for name in raw if window[name] != raw[name]
        )
        of = ", ".join(f"{name.removesuffix('_id')} {value!r}" for name, value in self._of().items())
        return f"{start}, {of}, partition {self.key.partition}: {wrong}"

    def _of(self) -> dict[str, str]:
        return dict(zip(self.kind.key, self.key.values, strict=True))


def _events(kind: Kind, measures: Measures) -> int:
    return int(sum(measures.numbers[: len(kind.counts)]))


def _named(kind: Kind, measures: Measures) -> dict[str, int | str]:
    numbers = (one if isinstance(one, int) else str(one) for one in measures.numbers)
    return dict(zip((*kind.names, *kind.facts), (*numbers, *measures.facts), strict=True))


@dataclass(frozen=True, slots=True)
class Windows:
    """What was compared."""

    events: str
    rows: int = 0
    counted: int = 0
    """Events in these rows."""
    different: int = 0
    difference: int = 0
    first: WindowDifference | None = None
    cut: bool = False
    """There were more windows to look at closely than were looked at: the numbers are lower bounds."""

    def __str__(self) -> str:
        least = "at least " if self.cut else ""
        return (
            f"windows of {self.events}: {self.rows} rows of {self.counted} {self.events} compared, "
            f"{least}{self.different} differ, by {least}{self.difference} {self.events}"
        )


async def compare_windows(
    clickhouse: ClickHouse, kind: Kind, committed: Mapping[int, int], *, since_ms: int, until_ms: int
) -> Windows:
    """Compare the rows of all windows that start from `since_ms` on.

    Args:
        clickhouse: connected to the database.
        kind: which windows.
        committed: by Kafka partition, the offset below which every event must be in its window.
        since_ms: of event time, milliseconds since 1970 UTC.
        until_ms: now; windows beyond it, of events whose clocks are fast, are compared too.
    """
    rows = counted = different = difference = 0
    first: WindowDifference | None = None
    cut = False
    for start_s, stop_s in await _stretches(clickhouse, kind, since_ms, until_ms):
        keys, suspects, compared, events = await _suspects(clickhouse, kind, start_s, stop_s)
        rows, counted, cut = rows + compared, counted + events, cut or suspects > len(keys)
        if keys:
            found = await _different(clickhouse, kind, keys, committed)
            different += len(found)
            difference += sum(one.events for one in found)
            first = first or (found[0] if found else None)
    return Windows(kind.events, rows, counted, different, difference, first, cut)


async def _stretches(clickhouse: ClickHouse, kind: Kind, since_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Half-open stretches of seconds, ascending, that cover everything there is from `since_ms` on."""
    since_s = -(-since_ms // 60_000) * 60  # of the window before it, not all events are in question
    rows = await clickhouse.query(
        f"""
        SELECT min(low), max(high) FROM (
            SELECT toUnixTimestamp(min({kind.time})) AS low, toUnixTimestamp(max({kind.time})) AS high
            FROM {kind.raw} WHERE {kind.time} >= toDateTime({{since:UInt32}}, 'UTC') HAVING count() > 0
            UNION ALL
            SELECT toUnixTimestamp(min(window_start)), toUnixTimestamp(max(window_start))
            FROM {kind.windows} WHERE window_start >= toDateTime({{since:UInt32}}, 'UTC') HAVING count() > 0
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


_START = Struct("<IH")
_LIMIT = Struct("<q")


def _key_row(key: Key) -> bytes:
    return _START.pack(key.start_s, key.partition) + texts(key.values)


def _keys(kind: Kind) -> str:
    """The structure of a table of keys."""
    return ", ".join(("start_s UInt32", "partition UInt16", *(f"key_{name} String" for name in kind.key)))


def _grouped(kind: Kind) -> str:
    return ", ".join(("kafka_partition", "window_start", *kind.key))


def _key_tuple(kind: Kind) -> str:
    """Like a `Key`."""
    return f"toUnixTimestamp(window_start), kafka_partition, {_texts(kind.key)}"


def _texts(names: Iterable[str]) -> str:
    """A tuple of texts, which may be of no elements or one."""
    return f"tuple({', '.join(f'toString({name})' for name in names)})"


def _raw(kind: Kind, rows: str) -> str:
    """Windows as `rows`, a query of raw rows, say they should be."""
    measures = ", ".join(f"{expression} AS {name}" for name, expression in {**kind.counts, **kind.others}.items())
    key = ", ".join(f"toString(r.{column}) AS {name}" for name, column in kind.key.items())
    return f"""
        SELECT kafka_partition, toStartOfMinute({kind.time}) AS window_start, {key}, {measures},
            argMin({_texts(kind.facts)}, kafka_offset) AS facts, max(kafka_offset) AS version
        FROM ({rows}) AS r
        GROUP BY {_grouped(kind)}
    """


def _written_rows(kind: Kind, which: str) -> str:
    return f"""
        SELECT kafka_partition, window_start, {", ".join(f"toString({name}) AS {name}" for name in kind.key)},
            {", ".join(kind.names)}, {_texts(kind.facts)} AS facts, version
        FROM {kind.windows} FINAL
        WHERE {which}
    """


def _said(kind: Kind) -> str:
    return ", ".join((*kind.names, "facts", "version"))


async def _suspects(clickhouse: ClickHouse, kind: Kind, start_s: int, stop_s: int) -> tuple[list[Key], int, int, int]:
    """Keys whose row does not equal all their raw rows now, the earliest first, up to a number.

    Returns:
        The keys, how many there are, and how many rows of how many events were compared.
    """
    between = "{column} >= toDateTime({{start:UInt32}}, 'UTC') AND {column} < toDateTime({{stop:UInt32}}, 'UTC')"
    raw = _raw(kind, f"SELECT * FROM {kind.raw} FINAL WHERE " + between.format(column=f"toStartOfMinute({kind.time})"))
    written = _written_rows(kind, between.format(column="window_start"))
    said, events, key = _said(kind), " + ".join(kind.counts), _grouped(kind)
    rows = await clickhouse.query(
        f"""
        SELECT groupArraySortedIf({_MOST_SUSPECTS})(
                ({_key_tuple(kind)}), suspect
            ), countIf(suspect), count(), sum(counted)
        FROM (
            SELECT {key}, count() != 2 OR uniqExact({said}) != 1 AS suspect, max({events}) AS counted
            FROM (SELECT {key}, {said} FROM ({raw}) UNION ALL SELECT {key}, {said} FROM ({written}))
            GROUP BY {key}
        )
        """,
        {"start": start_s, "stop": stop_s},
    )
    keys, suspects, compared, counted = rows[0]
    return [Key(*key) for key in keys], int(suspects), int(compared), int(counted)


async def _different(
    clickhouse: ClickHouse, kind: Kind, keys: Sequence[Key], committed: Mapping[int, int]
) -> list[WindowDifference]:
    written = await _written(clickhouse, kind, keys)
    empty = Measures((0,) * len(kind.names), ("",) * len(kind.facts))
    nothing = (empty, -1)
    limits = {key: max(written.get(key, nothing)[1], committed.get(key.partition, 0) - 1) for key in keys}
    raw = await _counted(clickhouse, kind, limits)
    pairs = [(key, written.get(key, nothing)[0], raw.get(key, empty)) for key in keys]
    return [
        WindowDifference(kind, key, said, counts)
        for key, said, counts in pairs
        # A row whose events all turned out to be another's says zero, and keeps the facts it once had.
        if said != counts and (_events(kind, said) or _events(kind, counts))
    ]


async def _written(clickhouse: ClickHouse, kind: Kind, keys: Sequence[Key]) -> dict[Key, tuple[Measures, int]]:
    """What is written for these keys, and up to which offset."""
    which = f"""
        window_start BETWEEN toDateTime({keys[0].start_s}, 'UTC') AND toDateTime({keys[-1].start_s}, 'UTC')
        AND (toUnixTimestamp(window_start), kafka_partition, {", ".join(kind.key)}) IN keys
    """
    rows = await clickhouse.query(
        f"SELECT {_key_tuple(kind)}, {_said(kind)} FROM ({_written_rows(kind, which)})",
        tables={"keys": Table(_keys(kind), b"".join(map(_key_row, keys)))},
    )
    return {Key(*row[:3]): (_measures(row), int(row[-1])) for row in rows}


async def _counted(clickhouse: ClickHouse, kind: Kind, limits: Mapping[Key, int]) -> dict[Key, Measures]:
    """What raw rows say of these keys, each counted up to and with its own offset."""
    starts = [key.start_s for key in limits]
    same = " AND ".join(f"c.{column} = l.key_{name}" for name, column in kind.key.items())
    counted = f"""
        SELECT c.*
        FROM (
            SELECT * FROM {kind.raw} FINAL
            WHERE toStartOfMinute({kind.time})
                BETWEEN toDateTime({min(starts)}, 'UTC') AND toDateTime({max(starts)}, 'UTC')
        ) AS c
        INNER JOIN limits AS l
        ON toUnixTimestamp(toStartOfMinute(c.{kind.time})) = l.start_s AND c.kafka_partition = l.partition AND {same}
        WHERE toInt64(c.kafka_offset) <= l.up_to
    """
    block = b"".join(_key_row(key) + _LIMIT.pack(limit) for key, limit in limits.items())
    rows = await clickhouse.query(
        f"SELECT {_key_tuple(kind)}, {_said(kind)} FROM ({_raw(kind, counted)})",
        tables={"limits": Table(f"{_keys(kind)}, up_to Int64", block)},
    )
    return {Key(*row[:3]): _measures(row) for row in rows}


def _measures(row: Sequence[Any]) -> Measures:
    return Measures(tuple(row[3:-2]), tuple(row[-2]))
