"""Certificates of erasures: rows of the table `erasures`, of each certificate the one with the highest version."""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    pseudonym: str
    """What the rows stay under, until `kafka_until_ms`; then it is forgotten."""
    finished_ms: int | None = None
    rows_changed: Mapping[str, int] = field(default_factory=dict)
    """By table."""
    version: int = 0


async def erased(clickhouse: ClickHouse) -> list[tuple[str, int, str]]:
    """Hash, until when, and pseudonym of every erased customer and visitor."""
    rows = await clickhouse.query(
        "SELECT hash, toUnixTimestamp64Milli(erased_until), if(kafka_until > now(), pseudonym, '') FROM erasures FINAL "
        "WHERE kind IN ('customer', 'visitor')"
    )
    return [(hash_, int(until_ms), pseudonym) for hash_, until_ms, pseudonym in rows]
