"""Where every event of a Kafka partition is: a raw row, a dead letter or a duplicate, in exactly one of the three."""

from dataclasses import dataclass
from operator import add
from typing import NamedTuple

from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import KafkaLog, Position

_OFFSETS_AT_ONCE = 5_000_000
"""Offsets of one question: a hash table of about 400 MiB at most in ClickHouse."""
_HOLES = 1_000
"""Ranges without an event that are looked up in Kafka; more is a disaster whose exact size does not matter."""


@dataclass(frozen=True, slots=True)
class Account:
    """The fate of the offsets from `first` to `until` - 1 of one partition."""

    topic: str
    partition: int
    first: int
    until: int
    """What the worker's group committed: everything below is settled."""
    accepted: int
    rejected: int
    duplicate: int
    doubled: int
    """Offsets with two fates."""
    missing: int
    """Records that Kafka has and ClickHouse does not."""
    gaps: int
    """Offsets that hold no record in Kafka either."""
    beyond_end: int
    """Offsets that Kafka has not given out yet: the rows are of another topic of that name."""
    first_missing: int | None = None

    @property
    def difference(self) -> int:
        """0 when every event has exactly one fate."""
        return self.doubled + self.missing + self.beyond_end

    def __str__(self) -> str:
        consumed = self.until - self.first - self.gaps
        said = (
            f"{self.topic}/{self.partition}: {consumed} consumed = {self.accepted} accepted + {self.rejected} rejected "
            f"+ {self.duplicate} duplicate"
        )
        if self.doubled:
            said += f"; {self.doubled} with two fates"
        if self.missing:
            said += f"; {self.missing} missing, the first at offset {self.first_missing}"
        if self.beyond_end:
            said += f"; {self.beyond_end} beyond the topic's end"
        return said


class _Tally(NamedTuple):
    accepted: int = 0
    rejected: int = 0
    duplicate: int = 0
    doubled: int = 0
    distinct: int = 0


async def account(clickhouse: ClickHouse, kafka: KafkaLog, topic: str, position: Position) -> Account:
    """Account for the committed offsets of one partition; `topic` is also the name of its raw table."""
    until = max(position.committed or 0, position.first)
    tally = _Tally()
    holes: list[tuple[int, int]] = []
    for start in range(position.first, until, _OFFSETS_AT_ONCE):
        stop = min(start + _OFFSETS_AT_ONCE, until)
        found = await _tally(clickhouse, topic, position.partition, start, stop)
        if found.distinct < stop - start:
            holes += await _holes(clickhouse, topic, position.partition, start, stop)
        tally = _Tally(*map(add, tally, found))
    lost: list[int] = []
    for first, last in holes[:_HOLES]:
        lost += await kafka.offsets(topic, position.partition, first, last)
    unread = sum(last - first + 1 for first, last in holes[_HOLES:])
    missing = len(lost) + unread
    return Account(
        topic=topic,
        partition=position.partition,
        first=position.first,
        until=until,
        accepted=tally.accepted,
        rejected=tally.rejected,
        duplicate=tally.duplicate,
        doubled=tally.doubled,
        missing=missing,
        gaps=until - position.first - tally.distinct - missing,
        beyond_end=await _beyond(clickhouse, topic, position),
        first_missing=lost[0] if lost else holes[_HOLES][0] if unread else None,
    )


def _fates(topic: str) -> str:
    """Every offset of one partition in a range, with a flag per fate; `topic` is one of ours, no input."""
    inside = "kafka_partition = {partition:UInt16} AND kafka_offset >= {start:UInt64} AND kafka_offset < {stop:UInt64}"
    return f"""
        SELECT kafka_offset, max(fate = 1) AS accepted, max(fate = 2) AS rejected, max(fate = 3) AS duplicate
        FROM (
            SELECT kafka_offset, 1 AS fate FROM {topic} WHERE {inside}
            UNION ALL
            SELECT kafka_offset, 2 AS fate FROM dead_letters WHERE topic = {{topic:String}} AND {inside}
            UNION ALL
            SELECT kafka_offset, 3 AS fate FROM duplicates WHERE topic = {{topic:String}} AND {inside}
        )
        GROUP BY kafka_offset
    """


async def _tally(clickhouse: ClickHouse, topic: str, partition: int, start: int, stop: int) -> _Tally:
    rows = await clickhouse.query(
        f"""
        SELECT sum(accepted), sum(rejected), sum(duplicate), countIf(accepted + rejected + duplicate > 1), count()
        FROM ({_fates(topic)})
        """,
        {"topic": topic, "partition": partition, "start": start, "stop": stop},
    )
    return _Tally(*map(int, rows[0]))


async def _holes(clickhouse: ClickHouse, topic: str, partition: int, start: int, stop: int) -> list[tuple[int, int]]:
    """Ranges (first, last) of offsets without any fate."""
    rows = await clickhouse.query(
        f"""
        SELECT before + 1, kafka_offset - 1
        FROM (
            SELECT kafka_offset, lagInFrame(kafka_offset, 1, {{start:UInt64}} - 1) OVER (
                ORDER BY kafka_offset ROWS BETWEEN 1 PRECEDING AND CURRENT ROW
            ) AS before
            FROM (
                SELECT toInt64(kafka_offset) AS kafka_offset FROM ({_fates(topic)})
                UNION ALL SELECT toInt64({{stop:UInt64}})
            )
        )
        WHERE kafka_offset - before > 1
        ORDER BY kafka_offset
        """,
        {"topic": topic, "partition": partition, "start": start, "stop": stop},
    )
    return [(int(first), int(last)) for first, last in rows]


async def _beyond(clickhouse: ClickHouse, topic: str, position: Position) -> int:
    rows = await clickhouse.query(
        f"SELECT uniqExact(kafka_offset) FROM {topic} "
        "WHERE kafka_partition = {partition:UInt16} AND kafka_offset >= {end:UInt64}",
        {"partition": position.partition, "end": position.end},
    )
    return int(rows[0][0])
