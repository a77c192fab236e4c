"""Customers and their aliases: rows of `customer_states` and `customer_aliases`, written as blocks and looked up."""

from collections.abc import Collection, Iterable, Sequence
from struct import Struct
from typing import Final, NamedTuple

from stream.sink import external, native
from stream.sink.binary import blob_column, text_column, texts
from stream.sink.clickhouse import ClickHouse

CUSTOMER_COLUMNS: Final = ("customer_id", "kafka_partition", "version", "updated_at", "state")
ALIAS_COLUMNS: Final = ("occurred_at", "alias", "customer_id", "event_id")
_ALL: Final = (1 << 32) - 1
_TIME = Struct("<q")


class Known(NamedTuple):
    """What one partition's events make of a customer."""

    customer_id: str
    partition: int
    version: int
    """The highest offset of that partition that is in the state."""
    state: bytes
    """As `encode_state` makes it."""


class Alias(NamedTuple):
    """A statement that two ids are one person; of several about one alias the last is right."""

    alias: str
    customer_id: str
    occurred_ms: int
    event_id: str


def customer_block(known: Sequence[Known], *, updated_ms: int) -> bytes:
    """A Native block of `CUSTOMER_COLUMNS`.

    Args:
        known: at least one.
        updated_ms: now, milliseconds since 1970 UTC.
    """
    ids, partitions, versions, states = zip(*known, strict=True)
    columns = [
        native.Column("customer_id", "String", text_column(ids)),
        native.Column("kafka_partition", "UInt16", native.numbers("H", partitions)),
        native.Column("version", "UInt64", native.numbers("Q", versions)),
        native.Column("updated_at", "DateTime64(3, 'UTC')", native.numbers("q", [updated_ms] * len(known))),
        native.Column("state", "String", blob_column(states)),
    ]
    return native.block(columns, len(known))


def alias_block(aliases: Iterable[Alias]) -> bytes:
    """A block of `ALIAS_COLUMNS`."""
    return b"".join(_TIME.pack(one.occurred_ms) + texts((one.alias, one.customer_id, one.event_id)) for one in aliases)


async def customers(clickhouse: ClickHouse, customer_ids: Iterable[str]) -> list[Known]:
    """The newest state of some customers in every partition that has one."""
    rows = await clickhouse.query(
        "SELECT customer_id, kafka_partition, version, state FROM customer_states WHERE customer_id IN ids",
        tables={"ids": external.texts(set(customer_ids))},
    )
    found: dict[tuple[str, int], tuple[int, str]] = {}
    # Rows that a merge has not dropped yet: fewer bytes than sorting them out there would cost.
    for customer_id, partition, version, state in rows:
        key = (customer_id, int(partition))
        if key not in found or found[key][0] < version:
            found[key] = (int(version), state)
    return [Known(*key, version, state.encode()) for key, (version, state) in found.items()]


async def aliases(clickhouse: ClickHouse, customer_ids: Collection[str], most: int = _ALL) -> list[Alias]:
    """Statements that name one of these ids, at either end; of those that keep one id the last `most`."""
    rows = await clickhouse.query(
        """
        SELECT alias, customer_id, toUnixTimestamp64Milli(occurred_at), event_id FROM customer_aliases
        WHERE alias IN ids
        UNION ALL
        SELECT alias, customer_id, toUnixTimestamp64Milli(occurred_at), event_id FROM customer_aliases
        WHERE customer_id IN ids
        ORDER BY customer_aliases.occurred_at DESC LIMIT {most:UInt32} BY customer_id
        """,
        {"most": most},
        tables={"ids": external.texts(customer_ids)},
    )
    return [Alias(alias, kept, int(at_ms), event_id) for alias, kept, at_ms, event_id in rows]
