"""`guidestream dead-letters` on real Kafka and the real engine."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner, Result

from schemas.topics import CLICKS, RETRANSMITTED
from stream.base.errors import InputError, NotFoundError
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.cli.dead_letters import app
from stream.sink import rows
from stream.sink.clickhouse import ClickHouse
from stream.sink.dead_letters import Origin, fetched
from stream.sink.replay import REPLAYED, fates
from tests.support.click_rows import Row, insert_clicks, insert_rows

NOON_MS = 1_795_176_000_000  # 2026-11-20 12:00 UTC
POISON = b'\xff\xfe{"\x1b[2J'


def letter(offset: int, value: bytes | None = b"{}", reason: str = "missing_field") -> rows.DeadLetter:
    return rows.DeadLetter(
        offset,
        NOON_MS + offset,
        b"g1",
        value,
        [("edge", b"\x00\xff"), (RETRANSMITTED, b"1")],
        "decode",
        reason,
        "id\x07",
    )


async def put(clickhouse: ClickHouse, *letters: rows.DeadLetter, partition: int = 1) -> None:
    block = rows.dead_letter_block(letters, topic=CLICKS, partition=partition, received_ms=NOON_MS + 500)
    await clickhouse.insert("dead_letters", rows.DEAD_LETTER_COLUMNS, block)


@pytest.fixture
async def dead(migrated: ClickHouse, kafka_topics: Settings) -> ClickHouse:
    """A database with dead letters clicks/1/0 to clicks/1/3 of a topic that is there, and empty."""
    await put(migrated, letter(0), letter(1, POISON, "not_utf8"), letter(2, None, "null"), letter(3))
    return migrated


async def run(environ: dict[str, str], *words: str) -> Result:
    def invoke() -> Result:
        return CliRunner().invoke(app, list(words), env=environ)

    return await asyncio.to_thread(invoke)


async def records(settings: Settings) -> list[Any]:
    """All records of partition 1 of this test's `clicks`."""
    consumer = AIOKafkaConsumer(**client_options(settings.kafka))
    await consumer.start()
    try:
        tp = TopicPartition(settings.topic(CLICKS), 1)
        consumer.assign([tp])
        await consumer.seek_to_beginning(tp)
        end = (await consumer.end_offsets([tp]))[tp]
        found: list[Any] = []
        while len(found) < end:
            found += (await consumer.getmany(tp, timeout_ms=200)).get(tp, [])
        return found
    finally:
        await consumer.stop()


async def test_a_list_is_newest_first_with_counts_by_reason(dead: ClickHouse, environ: dict[str, str]) -> None:
    lines = (await run(environ, "list", "--limit", "3")).output.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["clicks/1/3", "clicks/1/2", "clicks/1/1"]
    assert lines[0].startswith("clicks/1/3  2026-11-20 20:00:00.003+08:00  decode: missing_field  2 bytes  id\\u0007")
    assert lines[3:] == [
        "2 of clicks: missing_field",
        "1 of clicks: not_utf8",
        "1 of clicks: null",
        "4 in all, 3 shown",
    ]


async def test_a_list_can_be_narrowed_down(dead: ClickHouse, environ: dict[str, str]) -> None:
    counts = {
        "--reason null": 1,
        "--reason missing_field --topic clicks": 2,
        "--topic conversions": 0,
        "--since 2026-11-20T20:00:00": 4,
        "--since 2026-11-20T20:00:01": 0,
    }
    for options, count in counts.items():
        said = (await run(environ, "list", "--json", *options.split())).output.splitlines()
        assert len([orjson.loads(line) for line in said]) == count, options


async def test_what_is_shown_is_safe_for_a_terminal_and_raw_is_the_very_bytes(
    dead: ClickHouse, environ: dict[str, str]
) -> None:
    shown = (await run(environ, "show", "clicks/1/1")).output
    assert all(char.isprintable() or char == "\n" for char in shown)
    assert "\\xff\\xfe" in shown
    assert "header edge: \\u0000\\xff" in shown
    assert (await run(environ, "show", "clicks/1/1", "--raw")).stdout_bytes == POISON


async def test_a_letter_that_is_not_there_is_an_error_that_names_it(dead: ClickHouse, environ: dict[str, str]) -> None:
    said = await run(environ, "show", "clicks/1/99")
    assert isinstance(said.exception, NotFoundError)
    assert "clicks/1/99" in str(said.exception)


async def test_a_replay_sends_the_original_bytes_to_where_they_came_from_and_marks_them(
    dead: ClickHouse, environ: dict[str, str], kafka_topics: Settings
) -> None:
    said = (await run(environ, "replay", "--wait", "0")).output.splitlines()
    assert said == [
        "clicks/1/2 is left alone: it has no value; give one with --file",
        "clicks/1/0 -> clicks/1/0: rejected: missing_field",
        "clicks/1/1 -> clicks/1/1: rejected: not_utf8",
        "clicks/1/3 -> clicks/1/2: rejected: null",
        "3 sent, 1 rejected: missing_field, 1 rejected: not_utf8, 1 rejected: null",
    ]
    sent = await records(kafka_topics)
    assert [record.value for record in sent] == [b"{}", POISON, b"{}"]
    assert {record.key for record in sent} == {b"g1"}
    assert tuple(sent[1].headers) == (("edge", b"\x00\xff"), (RETRANSMITTED, b"1"), (REPLAYED, b"clicks/1/1"))
    waiting = (await run(environ, "list", "--waiting", "--json")).output.splitlines()
    assert [orjson.loads(line)["origin"] for line in waiting] == ["clicks/1/2"]


async def test_a_second_replay_sends_nothing_unless_asked_to(
    dead: ClickHouse, environ: dict[str, str], kafka_topics: Settings
) -> None:
    await run(environ, "replay", "clicks/1/0", "--wait", "0")
    said = (await run(environ, "replay", "clicks/1/0", "--wait", "0")).output.splitlines()
    assert said == ["clicks/1/0 is left alone: it was replayed before (--again sends it)", "0 sent"]
    assert len(await records(kafka_topics)) == 1
    await run(environ, "replay", "clicks/1/0", "--again", "--wait", "0")
    assert len(await records(kafka_topics)) == 2


async def test_the_mark_outlives_the_same_event_being_rejected_once_more(
    dead: ClickHouse, environ: dict[str, str]
) -> None:
    await run(environ, "replay", "clicks/1/0", "--wait", "0")
    await put(dead, letter(0))
    (found,) = await fetched(dead, [Origin(CLICKS, 1, 0)])
    assert found.summary.replayed_at is not None


async def test_a_dry_run_sends_and_marks_nothing(
    dead: ClickHouse, environ: dict[str, str], kafka_topics: Settings
) -> None:
    said = (await run(environ, "replay", "--reason", "not_utf8", "--dry-run")).output.splitlines()
    assert said == ["clicks/1/1 would be sent", "1 would be sent"]
    assert await records(kafka_topics) == []
    assert "4 in all" in (await run(environ, "list", "--waiting")).output


async def test_a_fixed_file_is_sent_in_the_place_of_one_letter(
    dead: ClickHouse, environ: dict[str, str], kafka_topics: Settings, tmp_path: Path
) -> None:
    fixed = tmp_path / "fixed.json"
    fixed.write_bytes(b'{"v":1}')
    await run(environ, "replay", "clicks/1/2", "--file", str(fixed), "--wait", "0")
    assert [record.value for record in await records(kafka_topics)] == [b'{"v":1}']
    refused = await run(environ, "replay", "--file", str(fixed))
    assert isinstance(refused.exception, InputError)


async def test_fates_are_read_from_where_the_worker_wrote_them(migrated: ClickHouse) -> None:
    sent = {Origin(CLICKS, 1, n): Origin(CLICKS, 2, n) for n in range(4)}
    await insert_clicks(migrated, [Row(0, kafka_partition=2)])
    await insert_rows(
        migrated,
        "duplicates",
        [{"topic": CLICKS, "kafka_partition": 2, "kafka_offset": 1, "received_at": "2026-11-20 12:00:00"}],
    )
    await put(migrated, letter(2), partition=2)
    assert list((await fates(migrated, sent, wait_s=0)).values()) == [
        "inserted",
        "duplicate",
        "rejected: missing_field",
        "waiting",
    ]


@pytest.fixture
async def late(migrated: ClickHouse) -> AsyncIterator[None]:
    """A worker that comes to the record half a second later."""

    async def write() -> None:
        await asyncio.sleep(0.3)
        await insert_clicks(migrated, [Row(0)])

    task = asyncio.create_task(write())
    yield
    await task


async def test_fates_are_waited_for(migrated: ClickHouse, late: None) -> None:
    origin = Origin(CLICKS, 0, 0)
    assert await fates(migrated, {origin: origin}, wait_s=30) == {origin: "inserted"}
