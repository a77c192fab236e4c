"""The questions to raw rows, answered by the engine, against the same counted in Python."""

import random

import pytest

from schemas.click_record import ClickRecord, read_click
from schemas.windows import WINDOW_MS, Facts, WindowRow, window_of
from stream.aggregate.tally import Tally
from stream.enrich.clicks import ClickEnricher
from stream.sink import recount, rows
from stream.sink.clickhouse import ClickHouse
from tests.support.events import AT_MS, click, encode
from tests.support.ledger import BOT

COUNT = 600
PARTITION = 3


def a_click(rng: random.Random, number: int) -> ClickRecord:
    fields = click(
        id=f"{number:030d}",
        ts=AT_MS - rng.randrange(5 * WINDOW_MS),
        guide=rng.choice(["导购1", "导购2"]),
        link=rng.choice(["x", "y"]),
        variant=rng.choice([None, "A"]),
        store=f"s{number}",
        visitor=f"v{rng.randrange(50)}",
        outcome=rng.choice(["redirected", "expired"]),
        ua=BOT if rng.random() < 0.2 else click()["ua"],
    )
    return read_click(encode(fields), AT_MS, 0)


@pytest.fixture
async def raw(migrated: ClickHouse) -> tuple[list[ClickRecord], list[bool]]:
    """Raw rows of one partition, a third of them written twice by a zombie, and some of another."""
    rng, enricher, encoder = random.Random(7), ClickEnricher.open(), rows.ClickEncoder()
    clicks = [a_click(rng, number) for number in range(COUNT)]
    found = [enricher.enrich(one) for one in clicks]
    times = [one.ts for one in clicks]

    async def insert(first: int, last: int, partition: int, received_ms: int) -> None:
        part = slice(first, last)
        columns = rows.ClickColumns(
            clicks[part], list(range(first, last)), times[part], times[part], found[part], [False] * (last - first)
        )
        block = encoder.encode(columns, partition=partition, received_ms=received_ms, closed_before=0)
        await migrated.insert("clicks", rows.CLICK_COLUMNS, block)

    await insert(0, 400, PARTITION, AT_MS)
    await insert(400, COUNT, PARTITION, AT_MS + 1)
    await insert(200, 450, PARTITION, AT_MS + 2)
    await insert(0, 100, PARTITION + 1, AT_MS + 3)
    return clicks, [one.verdict.is_human for one in found]


def counted(clicks: list[ClickRecord], human: list[bool], last: int = COUNT - 1) -> set[WindowRow]:
    tally = Tally()
    count = last + 1
    tally.count(clicks[:count], [one.ts for one in clicks[:count]], range(count), human[:count])
    return {row.frozen() for rows_ in tally.windows.values() for row in rows_.values()}


async def test_recounted_windows_are_those_that_the_core_counts(
    migrated: ClickHouse, raw: tuple[list[ClickRecord], list[bool]]
) -> None:
    starts = sorted({window_of(one.ts) for one in raw[0]})
    assert set(await recount.recounted(migrated, PARTITION, starts)) == counted(*raw)
    assert set(await recount.recounted(migrated, PARTITION, starts[:2])) == {
        row for row in counted(*raw) if row.window_start in starts[:2]
    }


async def test_windows_are_recounted_in_portions_bounded_by_rows(
    migrated: ClickHouse, raw: tuple[list[ClickRecord], list[bool]]
) -> None:
    starts = sorted({window_of(one.ts) for one in raw[0]}, reverse=True)
    every = len({row[1:4] for row in counted(*raw)})
    assert [sum(row.window_start == start for row in counted(*raw)) for start in starts[1:-1]] == [every] * 4
    empty = window_of(AT_MS) + WINDOW_MS

    async def split(rows_at_once: int) -> list[list[int]]:
        return await recount.portions(migrated, "clicks", PARTITION, [empty, *starts], rows_at_once)

    assert await split(10_000) == [[empty, *starts]]
    assert await split(2 * every) == [[empty, *starts[:2]], starts[2:4], starts[4:]]
    assert await split(1) == [[empty], *([start] for start in starts)]
    assert await recount.portions(migrated, "clicks", PARTITION, [], 1) == []


async def test_open_windows_come_with_their_visitors_and_end_at_an_offset(
    migrated: ClickHouse, raw: tuple[list[ClickRecord], list[bool]]
) -> None:
    since = window_of(AT_MS) - 2 * WINDOW_MS
    found = await recount.open_windows(migrated, PARTITION, since, 299)
    assert {row for row, _ in found} == {row for row in counted(*raw, last=299) if row.window_start >= since}
    assert all(len(visitors) == row.visitors for row, visitors in found)
    everything = await recount.open_windows(migrated, PARTITION, -(1 << 62), COUNT)
    assert {row for row, _ in everything} == counted(*raw)


async def test_reach_is_the_highest_offset_of_a_partition(
    migrated: ClickHouse, raw: tuple[list[ClickRecord], list[bool]]
) -> None:
    highest = max(one.ts for one in raw[0])
    assert await recount.reach(migrated, "clicks", PARTITION) == recount.Reach(COUNT - 1, highest)
    assert (await recount.reach(migrated, "clicks", PARTITION + 1)).offset == 99
    assert await recount.reach(migrated, "clicks", 77) == recount.Reach(-1, 0)
    assert await recount.reach(migrated, "conversions", PARTITION) == recount.Reach(-1, 0)


async def test_touched_windows_are_those_between_two_offsets(
    migrated: ClickHouse, raw: tuple[list[ClickRecord], list[bool]]
) -> None:
    wanted = sorted({window_of(one.ts) for one in raw[0][590:596]})
    assert await recount.touched(migrated, "clicks", PARTITION, 590, 595) == wanted


async def test_known_events_are_found_with_all_their_places(
    migrated: ClickHouse, raw: tuple[list[ClickRecord], list[bool]]
) -> None:
    ids = [raw[0][number].id for number in (5, 250, 599)]
    found = await recount.known(migrated, "clicks", [*ids, "0" * 29 + "x"])
    assert found == {ids[0]: [(3, 5), (4, 5)], ids[1]: [(3, 250)], ids[2]: [(3, 599)]}


async def test_shares_are_minutes_of_the_last_hour_and_the_day_before_it_as_one(migrated: ClickHouse) -> None:
    day, hour = AT_MS // 86_400_000 * 86_400_000, window_of(AT_MS) - 59 * WINDOW_MS
    windows = [
        WindowRow(start, "g", link, "", version, clicks, 1, 0, 1, Facts())
        for start, link, version, clicks in [
            (day - WINDOW_MS, "before", 1, 1),
            (day + WINDOW_MS, "left out", 1, 1),
            (hour + 2 * WINDOW_MS, "left out", 1, 1),
            (day, "x", 1, 10),
            (hour - WINDOW_MS, "x", 1, 20),
            (hour, "x", 1, 3),
            (hour, "x", 2, 4),
            (hour + WINDOW_MS, "y", 1, 5),
        ]
    ]
    block = rows.window_block([(PARTITION, row) for row in windows], updated_ms=AT_MS)
    await migrated.insert("link_windows", rows.WINDOW_COLUMNS, block)
    left_out = {day - WINDOW_MS, day + WINDOW_MS, hour + 2 * WINDOW_MS}
    found = await recount.shares(migrated, PARTITION, day, hour, hour + WINDOW_MS, ())
    assert sorted(found) == [(day, "g", "left out", 1, 1), (day, "g", "x", 30, 2), (hour, "g", "x", 4, 1)]
    found = await recount.shares(migrated, PARTITION, day, hour, hour + 3 * WINDOW_MS, left_out)
    assert sorted(found) == [(day, "g", "x", 30, 2), (hour, "g", "x", 4, 1), (hour + WINDOW_MS, "g", "y", 5, 1)]
