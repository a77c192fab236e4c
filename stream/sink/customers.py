"""Customers and their aliases: rows of `customer_states` and `customer_aliases`, written as blocks and looked up."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from struct import Struct
from typing import Any, Final, NamedTuple

from schemas.customers import CustomerState, decode_state, encode_state
from stream.sink import external, native
from stream.sink.binary import blob_column, text_column, texts
from stream.sink.clickhouse import ClickHouse

_MOMENTS: Final = (
    *("first_added_at", "first_touch_at", "last_touch_at", "first_contact_at"),
    *("first_order_at", "last_order_at", "consent_at", "last_active_at"),
)
_IDS: Final = ("first_click_id", "last_click_id", "referred_by", "first_order")
_WORDS: Final = (
    "first_guide_id",
    "first_link",
    "first_variant",
    "last_guide_id",
    "last_link",
    "last_variant",
    "consent",
)
CUSTOMER_COLUMNS: Final = (
    *("customer_id", "kafka_partition", "version", "updated_at", "state"),
    *("relations", "tags", "messages_in", "messages_out"),
    *("orders", "payments", "paid_orders", "revenue", "refunds", "margin"),
    *_MOMENTS,
    *_IDS,
    *_WORDS,
)
ALIAS_COLUMNS: Final = ("occurred_at", "alias", "customer_id", "event_id")
_RELATIONS: Final = (
    f"Array(Tuple(guide_id String, added_at {native.NULLABLE_TIME}, ended_at {native.NULLABLE_TIME}, ended_by String))"
)
_TAGS: Final = f"Array(Tuple(tag String, at {native.TIME}, is_set Bool))"
_PAID: Final = "Array(Tuple(order String, payments UInt64))"
_TIMES: Final = f"Array({native.TIME})"
_ALL: Final = (1 << 32) - 1
_TIME = Struct("<q")


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


def customer_block(known: Sequence[Known], said: Mapping[str, Sequence[Any]], *, updated_ms: int) -> bytes:
    """A Native block of `CUSTOMER_COLUMNS`.

    Args:
        known: at least one.
        said: what their states say, see `stream.attribute.summary`.
        updated_ms: now, milliseconds since 1970 UTC.
    """
    ids, partitions, versions, states = zip(*known, strict=True)
    guides, added, ended, ended_by = native.transposed(chain.from_iterable(said["relations"]), 4)
    orders, payments = native.transposed(chain.from_iterable(said["paid_orders"]), 2)
    tags, changed, are_set = native.transposed(chain.from_iterable(said["tags"]), 3)
    columns = {
        "customer_id": ("String", text_column(ids)),
        "kafka_partition": ("UInt16", native.numbers("H", partitions)),
        "version": ("UInt64", native.numbers("Q", versions)),
        "updated_at": (native.TIME, native.numbers("q", [updated_ms] * len(known))),
        "state": ("String", blob_column(list(map(encode_state, states)))),
        "relations": (
            _RELATIONS,
            native.ends(said["relations"])
            + native.words(guides)
            + native.nullable_times(added)
            + native.nullable_times(ended)
            + native.words(ended_by),
        ),
        "tags": (
            _TAGS,
            native.ends(said["tags"]) + native.words(tags) + native.numbers("q", changed) + bytes(are_set),
        ),
        **{
            name: (_TIMES, native.ends(said[name]) + native.numbers("q", list(chain.from_iterable(said[name]))))
            for name in ("messages_in", "messages_out")
        },
        **{name: ("UInt64", native.numbers("Q", said[name])) for name in ("orders", "payments")},
        "paid_orders": (_PAID, native.ends(said["paid_orders"]) + texts(orders) + native.numbers("Q", payments)),
        **{name: (native.MONEY, native.numbers("q", said[name])) for name in ("revenue", "refunds", "margin")},
        **{name: (native.NULLABLE_TIME, native.nullable_times(said[name])) for name in _MOMENTS},
        **{name: ("String", text_column(said[name])) for name in _IDS},
        **{name: ("String", native.words(said[name])) for name in _WORDS},
    }
    return native.block([native.Column(name, *columns[name]) for name in CUSTOMER_COLUMNS], len(known))


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
        tables={"ids": external.texts(customer_ids)},
    )
    return [Alias(alias, kept, int(at_ms), event_id) for alias, kept, at_ms, event_id in rows]
