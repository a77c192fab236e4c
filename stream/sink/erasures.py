"""Certificates of erasures: rows of the table `erasures`, of each certificate the one with the highest version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stream.sink.clickhouse import ClickHouse


@dataclass(frozen=True, slots=True)
class Certificate:
    """That somebody was erased. It does not say who: times are milliseconds since 1970 UTC."""

    id: str
    kind: str
    """`customer`, `visitor` or `phone`."""
    hash: str
    """Keyed hash of the id."""
    erased_until_ms: int
    """What happened at this time or before was erased."""
    requested_ms: int
    kafka_until_ms: int
    """By then Kafka has dropped its copies, by the retention of its topics."""
    pseudonym: str = ""
    """What the rows stay under, until `kafka_until_ms`; then it is forgotten. Of a phone there is none."""
    finished_ms: int | None = None
    rows_changed: Mapping[str, int] = field(default_factory=dict)
    """By table, of all that was erased together."""
    offsets: Mapping[int, int] = field(default_factory=dict)
    """The last offset of `conversions` that was dealt with, by partition; empty until it is finished."""
    version: int = 0


_COLUMNS: Final = (
    "id, toString(kind), hash, toUnixTimestamp64Milli(erased_until), toUnixTimestamp64Milli(requested_at), "
    "toUnixTimestamp(kafka_until) * 1000, if(kafka_until > now(), pseudonym, ''), "
    "toUnixTimestamp64Milli(finished_at), rows_changed, offsets, version"
)


async def erased(clickhouse: ClickHouse) -> list[tuple[str, int, str]]:
    """Hash, until when, and pseudonym of every erased customer and visitor."""
    rows = await clickhouse.query(f"SELECT {_COLUMNS} FROM erasures FINAL WHERE kind IN ('customer', 'visitor')")
    return [(found.hash, found.erased_until_ms, found.pseudonym) for found in map(_certificate, rows)]


async def of_hashes(clickhouse: ClickHouse, kind: str, hashes: Sequence[str]) -> Certificate | None:
    """The last certificate about an id, given what it may be hashed to."""
    rows = await clickhouse.query(
        f"SELECT {_COLUMNS} FROM erasures FINAL WHERE kind = {{kind:String}} AND hash IN {{hashes:Array(String)}} "
        "ORDER BY requested_at DESC, id LIMIT 1",
        {"kind": kind, "hashes": list(hashes)},
    )
    return _certificate(rows[0]) if rows else None


async def put(clickhouse: ClickHouse, one: Certificate) -> None:
    """Write a certificate, in the place of its lower versions."""
    await clickhouse.command(
        """
        INSERT INTO erasures (id, kind, hash, erased_until, requested_at, finished_at, rows_changed, offsets,
            kafka_until, pseudonym, version)
        SELECT {id:String}, {kind:String}, {hash:String}, fromUnixTimestamp64Milli({until:Int64}, 'UTC'),
            fromUnixTimestamp64Milli({requested:Int64}, 'UTC'),
            if({finished:Int64} = 0, NULL, fromUnixTimestamp64Milli({finished:Int64}, 'UTC')),
            mapFromArrays({tables:Array(String)}, {counts:Array(UInt64)}),
            mapFromArrays({partitions:Array(UInt16)}, {offsets:Array(UInt64)}),
            toDateTime({kafka:UInt32}, 'UTC'), {pseudonym:String}, {version:UInt64}
        """,
        {
            "id": one.id,
            "kind": one.kind,
            "hash": one.hash,
            "until": one.erased_until_ms,
            "requested": one.requested_ms,
            "finished": one.finished_ms or 0,
            "tables": list(one.rows_changed),
            "counts": list(one.rows_changed.values()),
            "partitions": list(one.offsets),
            "offsets": list(one.offsets.values()),
            "kafka": one.kafka_until_ms // 1000,
            "pseudonym": one.pseudonym,
            "version": one.version,
        },
    )


def _certificate(row: tuple[Any, ...]) -> Certificate:
    id_, kind, hash_, until, requested, kafka, pseudonym, finished, changed, offsets, version = row
    return Certificate(
        id=id_,
        kind=kind,
        hash=hash_,
        erased_until_ms=int(until),
        requested_ms=int(requested),
        kafka_until_ms=int(kafka),
        pseudonym=pseudonym,
        finished_ms=None if finished is None else int(finished),
        rows_changed={str(table): int(count) for table, count in changed.items()},
        offsets={int(partition): int(offset) for partition, offset in offsets.items()},
        version=int(version),
    )
