"""Window rows of conversions: written as blocks, counted again from raw rows.

Of raw rows that a zombie wrote twice the one received last counts (`FINAL`), as a merge will keep it.
"""

from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Any, Final

from schemas.money import clamped
from schemas.windows import COUNTED, ConversionWindowRow, Facts
from stream.sink.binary import texts
from stream.sink.clickhouse import ClickHouse
from stream.sink.recount import listed

CONVERSION_WINDOW_COLUMNS: Final = (
    *("window_start", "kafka_partition", "version", *COUNTED, "order_amount", "refund_amount", "margin"),
    *("customers", "updated_at", "guide_id", "link", "variant", "store_id", "region_id", "campaign_id", "touchpoint"),
)
_FIXED = Struct(f"<IHQ{len(COUNTED)}QqqqQq")
_COUNTS: Final = ", ".join(f"countIf(type = '{name}')" for name in COUNTED)
_SUMS: Final = ("order_amount", "refund_amount", "margin")
_FACTS: Final = "(toString(store_id), toString(region_id), toString(campaign_id), toString(touchpoint))"
_MINUTE: Final = "toStartOfMinute(occurred_at)"


def conversion_window_block(rows: Iterable[tuple[int, ConversionWindowRow]], *, updated_ms: int) -> bytes:
    """A block of `CONVERSION_WINDOW_COLUMNS` from (Kafka partition, row) pairs."""
    out: list[bytes] = []
    for partition, row in rows:
        sums = map(clamped, (row.order_amount, row.refund_amount, row.margin))
        head = (row.window_start // 1000, partition, row.version)
        out += (
            _FIXED.pack(*head, *row.counts, *sums, row.customers, updated_ms),
            texts((row.guide_id, row.link, row.variant, *row.facts)),
        )
    return b"".join(out)


async def open_windows(
    clickhouse: ClickHouse, partition: int, since_ms: int, last: int
) -> list[tuple[ConversionWindowRow, set[str]]]:
    """Rows of all windows from `since_ms` on, of events up to offset `last`, each with its distinct customers."""
    start = max(0, since_ms // 1000)
    rows = await clickhouse.query(
        _counting("groupUniqArrayIf(customer_id, customer_id != '')", f"{_MINUTE} >= toDateTime({start}, 'UTC')"),
        {"partition": partition, "last": last},
    )
    return [(_row(row, len(row[-1])), set(row[-1])) for row in rows]


async def recounted(clickhouse: ClickHouse, partition: int, starts: Sequence[int]) -> list[ConversionWindowRow]:
    """Rows of some windows as raw rows have them now."""
    rows = await clickhouse.query(
        _counting("uniqExactIf(customer_id, customer_id != '')", f"{_MINUTE} IN ({listed(starts)})"),
        {"partition": partition, "last": (1 << 63) - 1},
    )
    return [_row(row, int(row[-1])) for row in rows]


async def written(clickhouse: ClickHouse, partition: int, starts: Sequence[int]) -> list[ConversionWindowRow]:
    """Rows of some windows as they were last written."""
    return await _written(clickhouse, partition, f"window_start IN ({listed(starts)})")


async def written_since(clickhouse: ClickHouse, partition: int, since_ms: int) -> list[ConversionWindowRow]:
    """Rows of all windows from `since_ms` on as they were last written."""
    return await _written(clickhouse, partition, f"window_start >= toDateTime({max(0, since_ms // 1000)}, 'UTC')")


def complete(rows: Iterable[ConversionWindowRow], before: Iterable[ConversionWindowRow]) -> list[ConversionWindowRow]:
    """Recounted rows such that each beats what was written before, and keys that are gone say so.

    A zombie may have written a raw row with another credit. Once the owner's row stands in its place the key of that
    credit has fewer events than its window row claims, or none: without a row of zeros it would stay for ever, and with
    its own highest offset for a version the true row would lose.

    Args:
        rows: all keys of some windows, as raw rows have them.
        before: the same windows as they were written.
    """
    found = {row.key: row for row in rows}
    missing = [_zero(row) for row in before if row.key not in found and any(row.counts)]
    versions: dict[int, int] = {}
    for row in (*found.values(), *before):
        versions[row.window_start] = max(row.version, versions.get(row.window_start, 0))
    return [row._replace(version=versions[row.window_start]) for row in (*found.values(), *missing)]


def _zero(row: ConversionWindowRow) -> ConversionWindowRow:
    return row._replace(counts=(0,) * len(COUNTED), order_amount=0, refund_amount=0, margin=0, customers=0)


async def _written(clickhouse: ClickHouse, partition: int, which: str) -> list[ConversionWindowRow]:
    rows = await clickhouse.query(
        f"""
        SELECT toUnixTimestamp(window_start), toString(guide_id), link, toString(variant), {_FACTS}, version,
            [{", ".join(COUNTED)}],
            {", ".join(f"toInt128(toDecimal128({name}, 4) * 10000)" for name in _SUMS)}, customers
        FROM conversion_windows FINAL
        WHERE kafka_partition = {{partition:UInt16}} AND {which}
        """,
        {"partition": partition},
    )
    return [_row(row, int(row[-1])) for row in rows]


def _counting(customers: str, which: str) -> str:
    return f"""
        SELECT toUnixTimestamp({_MINUTE}) AS start, toString(credited_guide_id) AS guide, credited_link,
            toString(credited_variant) AS variant, {_FACTS} AS facts, max(kafka_offset), [{_COUNTS}],
            toInt128(sumIf(amount, type = 'order_paid') * 10000),
            toInt128(sumIf(amount, type = 'order_refunded') * 10000),
            toInt128((sumIf(margin, type = 'order_paid') - sumIf(margin, type = 'order_refunded')) * 10000),
            {customers}
        FROM conversions FINAL
        WHERE kafka_partition = {{partition:UInt16}} AND kafka_offset <= {{last:UInt64}} AND {which}
        GROUP BY start, guide, credited_link, variant, facts
        """


def _row(row: tuple[Any, ...], customers: int) -> ConversionWindowRow:
    start, guide, link, variant, facts, version, counts, order_amount, refund_amount, margin, _ = row
    return ConversionWindowRow(
        int(start) * 1000,
        guide,
        link,
        variant,
        Facts(*facts),
        int(version),
        tuple(map(int, counts)),
        int(order_amount),
        int(refund_amount),
        int(margin),
        customers,
    )
