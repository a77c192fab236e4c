"""Customers and their aliases: rows of `customer_states` and `customer_aliases`, written as blocks and looked up."""

from collections.abc import Collection, Iterable
from struct import Struct, pack
from typing import Final, NamedTuple

from schemas.customers import CustomerRow, CustomerState, decode_state, encode_state
from stream.sink import external
from stream.sink.binary import Fragments, blob, length, text, texts
from stream.sink.clickhouse import ClickHouse

CUSTOMER_COLUMNS: Final = (
    *("kafka_partition", "version", "orders", "revenue", "refunds", "margin", "updated_at"),
    *("first_added_at", "first_touch_at", "last_touch_at", "first_contact_at", "first_order_at", "last_order_at"),
    *("consent_at", "last_active_at"),
    *("customer_id", "state", "first_click_id", "last_click_id"),
    *("first_guide_id", "first_link", "first_variant"),
    *("last_guide_id", "last_link", "last_variant"),
    *("consent", "referred_by"),
    *("relations", "messages_in", "messages_out", "tags"),
)
ALIAS_COLUMNS: Final = ("occurred_at", "alias", "customer_id", "event_id")
_FIXED = Struct("<HQQqqqq")
_MOMENT = Struct("<?q")
_ALL: Final = (1 << 32) - 1
_NEVER: Final = b"\x01"
_TIME = Struct("<q")
_TAG = Struct("<q?")


class Known(NamedTuple):
    """What one partition's events make of a customer."""

    customer_id: str
    partition: int
    version: int
    """The highest offset of that partition that is in the state."""
    state: CustomerState


class Alias(NamedTuple):
    """A statement that two ids are one person; of several about one alias the last is right."""

    alias: str
    customer_id: str
    occurred_ms: int
    event_id: str


def customer_row(known: Known, row: CustomerRow, *, updated_ms: int) -> bytes:
    """One row of `CUSTOMER_COLUMNS`; `row` is the summary of the state."""
    times = (
        *(row.first_added_at, row.first_touch_at, row.last_touch_at, row.first_contact_at),
        *(row.first_order_at, row.last_order_at, row.consent_at, row.last_active_at),
    )
    sums = row.orders, row.revenue, row.refunds, row.margin
    return b"".join(
        [
            _FIXED.pack(known.partition, known.version, *sums, updated_ms),
            *[_NEVER if at_ms is None else _MOMENT.pack(False, at_ms) for at_ms in times],  # noqa: FBT003 - the NULL flag
            text(known.customer_id),
            blob(encode_state(known.state)),
            text(row.first_click_id),
            text(row.last_click_id),
            _shared[row.first_guide_id, row.first_link, row.first_variant],
            _shared[row.last_guide_id, row.last_link, row.last_variant],
            _shared[row.consent, row.referred_by],
            length(len(row.relations)),
            *[
                _shared[one.guide_id,] + _moment(one.added_at) + _moment(one.ended_at) + _shared[one.ended_by,]
                for one in row.relations
            ],
            _times(row.messages_in),
            _times(row.messages_out),
            length(len(row.tags)),
            *[_shared[one.tag,] + _TAG.pack(one.at, one.is_set) for one in row.tags],
        ]
    )


_shared = Fragments(texts)


def alias_block(aliases: Iterable[Alias]) -> bytes:
    """A block of `ALIAS_COLUMNS`."""
    return b"".join(_TIME.pack(one.occurred_ms) + texts((one.alias, one.customer_id, one.event_id)) for one in aliases)


async def customers(clickhouse: ClickHouse, customer_ids: Iterable[str]) -> list[Known]:
    """The newest state of some customers in every partition that has one."""
    rows = await clickhouse.query(
        "SELECT customer_id, kafka_partition, version, state FROM customer_states WHERE customer_id IN ids",
        tables={"ids": external.texts(sorted(set(customer_ids)))},
    )
    found: dict[tuple[str, int], tuple[int, str]] = {}
    # Rows that a merge has not dropped yet: fewer bytes than sorting them out there would cost.
    for customer_id, partition, version, state in rows:
        key = (customer_id, int(partition))
        if key not in found or found[key][0] < version:
            found[key] = (int(version), state)
    return [Known(*key, version, decode_state(state)) for key, (version, state) in found.items()]


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
        tables={"ids": external.texts(sorted(customer_ids))},
    )
    return [Alias(alias, kept, int(at_ms), event_id) for alias, kept, at_ms, event_id in rows]


def _moment(at_ms: int | None) -> bytes:
    return _NEVER if at_ms is None else _MOMENT.pack(False, at_ms)  # noqa: FBT003 - the NULL flag


def _times(times: tuple[int, ...]) -> bytes:
    return length(len(times)) + pack(f"<{len(times)}q", *times)
