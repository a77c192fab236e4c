"""Windows of conversions counted again from raw rows by the engine, against the same counted in Python."""

import random
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.attribution import Credit
from schemas.conversions import decode_conversion
from schemas.windows import COUNTED, WINDOW_MS, ConversionWindowRow, Facts, window_of
from stream.aggregate.conversions import ConversionTally
from stream.sink import conversion_windows, recount
from stream.sink.clickhouse import ClickHouse
from stream.sink.conversion_windows import CONVERSION_WINDOW_COLUMNS, complete, conversion_window_block
from stream.sink.conversions import CONVERSION_COLUMNS, RawConversion, conversion_block
from stream.worker.credited import counting
from tests.support.events import AT_MS, conversion, encode

PARTITION = 3
COUNT = 300


def an_event(rng: random.Random, offset: int) -> RawConversion:
    kind = rng.choice(["order_paid", "order_refunded", "lead", "message_in"])
    event: dict[str, Any] = conversion(
        event_id=str(offset),
        type=kind,
        occurred_at=AT_MS - rng.randrange(5 * WINDOW_MS),
        customer_id=rng.choice([f"c{rng.randrange(40)}", None])
        if kind.startswith("order")
        else f"c{rng.randrange(40)}",
        amount=f"{rng.randrange(10**6) / 10**4}",
        margin=rng.choice([None, "-3.0001", "999999999999.9999"]),
        token=None,
    )
    facts = Facts(rng.choice(["s1", "s2"]), "r", rng.choice(["双十一", "c", ""]), rng.choice(["sms", ""]))
    credit = Credit("guide", 0.3, rng.choice(["导购1", ""]), rng.choice(["x", ""]), facts=facts)
    decoded = decode_conversion(encode(event), AT_MS, 0, currency="CNY")
    return RawConversion(decoded, offset, AT_MS, decoded["occurred_at"], credit)


async def insert(clickhouse: ClickHouse, raw: list[RawConversion], received_ms: int) -> None:
    block = conversion_block(raw, partition=PARTITION, received_ms=received_ms)
    await clickhouse.insert("conversions", CONVERSION_COLUMNS, block)


def counted(raw: list[RawConversion]) -> set[ConversionWindowRow]:
    tally = ConversionTally()
    tally.count(
        [counting(one.event) for one in raw],
        [one.time_ms for one in raw],
        [one.offset for one in raw],
        [one.credit for one in raw],
    )
    return {row.frozen() for rows in tally.windows.values() for row in rows.values()}


@pytest.fixture
async def raw(migrated: ClickHouse) -> list[RawConversion]:
    """Raw rows of one partition, some of which a zombie wrote too, with another credit."""
    rng = random.Random(5)
    events = [an_event(rng, offset) for offset in range(COUNT)]
    await insert(migrated, events, AT_MS + 1)
    zombies = [replace(one, credit=replace(one.credit, guide_id="zombie")) for one in events[100:160]]
    await insert(migrated, zombies, AT_MS)
    return events


async def test_recounted_windows_are_those_that_the_core_counts(migrated: ClickHouse, raw: list[RawConversion]) -> None:
    starts = sorted({window_of(one.time_ms) for one in raw})
    assert set(await conversion_windows.recounted(migrated, PARTITION, starts)) == counted(raw)
    assert set(await conversion_windows.recounted(migrated, PARTITION, starts[:2])) == {
        row for row in counted(raw) if row.window_start in starts[:2]
    }
    found = await conversion_windows.open_windows(migrated, PARTITION, starts[2], 199)
    assert {row for row, _ in found} == {row for row in counted(raw[:200]) if row.window_start >= starts[2]}
    assert all(len(customers) == row.customers for row, customers in found)
    assert await recount.touched(migrated, "conversions", PARTITION, 0, COUNT) == starts
    assert await recount.portions(migrated, "conversions", PARTITION, starts, 10_000) == [starts]


def a_row(guide: str, version: int, orders: int, start: int = window_of(AT_MS)) -> ConversionWindowRow:
    counts = tuple(orders if name == "order_paid" else 0 for name in COUNTED)
    return ConversionWindowRow(start, guide, "", "", Facts("s"), version, counts, orders, 0, 0, orders)


def test_a_key_that_raw_rows_know_no_more_is_written_as_nothing_and_every_row_beats_what_was_written() -> None:
    before = [a_row("owner", 12, 1), a_row("zombie", 15, 3), a_row("empty", 9, 0), a_row("other", 40, 1, start=0)]
    after = complete([a_row("owner", 14, 4), a_row("other", 40, 1, start=0)], before)
    assert after == [
        a_row("owner", 15, 4),
        a_row("other", 40, 1, start=0),
        a_row("zombie", 15, 0),
    ]


async def test_what_is_written_last_of_one_version_is_what_is_read(migrated: ClickHouse) -> None:
    for row in (a_row("zombie", 15, 3), *complete([], [a_row("zombie", 15, 3)])):
        block = conversion_window_block([(PARTITION, row)], updated_ms=AT_MS)
        await migrated.insert("conversion_windows", CONVERSION_WINDOW_COLUMNS, block)
    (found,) = await conversion_windows.written_since(migrated, PARTITION, 0)
    assert not any(found.counts)
    await migrated.command("OPTIMIZE TABLE conversion_windows FINAL")
    assert await conversion_windows.written_since(migrated, PARTITION, 0) == [found]
