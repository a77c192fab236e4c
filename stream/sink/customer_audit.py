"""Rows of customers against a recount of their raw conversions.

A row says "all events of this customer in this partition up to offset `version`", so it is compared with exactly those
raw rows; what the group has committed must be in it besides. Customers who had an event in the time in question are
looked at, each with all of their raw rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.customers import ORDERS
from stream.sink.clickhouse import ClickHouse

_SLICES: Final = 16
"""A question looks at one of so many parts of the customers, chosen by a hash: memory in ClickHouse grows with them."""
_PAID: Final = (
    "sumMapIf([lower(hex(substring(SHA256(c.order_id), 1, 6)))], [toUInt64(1)], inside AND type = 'order_paid')"
)
"""Payments by `order_key`, ascending."""
_MEASURES: Final = {
    "orders": f"length(arraySlice({_PAID}.1, 1, {ORDERS})) + arraySum(arraySlice({_PAID}.2, {ORDERS + 1}))",
    "payments": "countIf(inside AND type = 'order_paid')",
    "revenue": "sumIf(c.amount, inside AND type = 'order_paid')",
    "refunds": "sumIf(c.amount, inside AND type = 'order_refunded')",
    "margin": "sumIf(c.margin, inside AND type = 'order_paid') - sumIf(c.margin, inside AND type = 'order_refunded')",
    "first_order_at": "minOrNullIf(c.occurred_at, inside AND type = 'order_paid')",
    "last_order_at": "maxOrNullIf(c.occurred_at, inside AND type = 'order_paid')",
    "first_added_at": "minOrNullIf(c.occurred_at, inside AND type = 'friend_added')",
}
"""Columns of the row, and what raw rows `c` that lie `inside` of it add up to."""


@dataclass(frozen=True, slots=True)
class CustomerDifference:
    """A customer's row that is not what raw rows say."""

    customer_id: str
    partition: int
    wrong: Mapping[str, tuple[str, str]]
    """What the row says and what raw rows say, by column."""

    def __str__(self) -> str:
        said = ", ".join(f"{name} {mine} instead of {raw}" for name, (mine, raw) in self.wrong.items())
        return f"customer {self.customer_id!r}, partition {self.partition}: {said}"


@dataclass(frozen=True, slots=True)
class Customers:
    """What was compared."""

    rows: int = 0
    different: int = 0
    first: CustomerDifference | None = None

    def __str__(self) -> str:
        return f"customers: {self.rows} rows compared, {self.different} differ"


async def compare_customers(
    clickhouse: ClickHouse, committed: Mapping[int, int], *, since_ms: int, complete: bool
) -> Customers:
    """Compare the rows of customers who had an event that was received from `since_ms` on.

    Args:
        clickhouse: connected to the database.
        committed: by Kafka partition, the offset below which every event must be in its customer's row.
        since_ms: milliseconds since 1970 UTC.
        complete: raw rows are kept for ever; else only how far rows reach is compared, not what they add up to.
    """
    rows = different = 0
    first: CustomerDifference | None = None
    measures = _MEASURES if complete else {}
    for part in range(_SLICES):
        found = await clickhouse.query(
            _question(measures),
            {
                "slices": _SLICES,
                "part": part,
                "since": since_ms // 1000,
                "partitions": list(committed),
                "limits": list(committed.values()),
            },
        )
        compared, wrong, examples = found[0]
        rows, different = rows + int(compared), different + int(wrong)
        first = first or next((_difference(measures, *example) for example in examples), None)
    return Customers(rows, different, first)


def _question(measures: Mapping[str, str]) -> str:
    """Rows compared, rows that differ, and one of these: key, then what row and raw rows say in turn."""
    said = "".join(
        f", any(s.{name}) AS said_{name}, {expression} AS raw_{name}" for name, expression in measures.items()
    )
    same = "".join(f" AND (said_{name} IS NOT DISTINCT FROM raw_{name})" for name in measures)
    shown = ", ".join(
        ["toString(least(reach, settled))", "toString(settled)"]
        + [f"ifNull(toString({side}_{name}), 'none')" for name in measures for side in ("said", "raw")]
    )
    mine = "customer_id != '' AND cityHash64(customer_id) % {slices:UInt8} = {part:UInt8}"
    return f"""
        SELECT count(), countIf(NOT good), groupArrayIf(1)((customer_id, partition, [{shown}]), NOT good)
        FROM (
            SELECT *, reach >= settled{same} AS good
            FROM (
                SELECT c.customer_id AS customer_id, c.kafka_partition AS partition, any(s.reach) AS reach,
                    max(if(c.kafka_offset < transform(
                        c.kafka_partition, {{partitions:Array(UInt16)}}, {{limits:Array(UInt64)}}, toUInt64(0)
                    ), c.kafka_offset + 1, 0)) AS settled{said.replace("inside", "c.kafka_offset < s.reach")}
                FROM (SELECT * FROM conversions FINAL WHERE {mine}) AS c
                LEFT JOIN (SELECT *, version + 1 AS reach FROM customer_rows WHERE {mine}) AS s
                    ON c.customer_id = s.customer_id AND c.kafka_partition = s.kafka_partition
                GROUP BY customer_id, partition
                HAVING max(c.received_at) >= toDateTime({{since:UInt32}}, 'UTC')
            )
        )
    """


def _difference(
    measures: Mapping[str, str], customer_id: str, partition: int, shown: Sequence[str]
) -> CustomerDifference:
    names = ("offsets up to", *measures)
    pairs = zip(names, shown[::2], shown[1::2], strict=True)
    wrong = {name: (mine, raw) for name, mine, raw in pairs if mine != raw}
    return CustomerDifference(customer_id, int(partition), wrong)
