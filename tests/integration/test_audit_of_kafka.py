"""The audit of raw rows, dead letters and duplicates against a real topic's offsets."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from typer.testing import CliRunner, Result

from schemas.topics import CLICKS
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.cli.audit import app
from stream.sink.accounts import Account, account
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import KafkaLog, Position, open_log
from tests.support.click_rows import NOON, Row, insert_clicks, insert_rows, insert_windows, windows_of

RECORDS = 12


async def _committed(settings: Settings, offset: int) -> None:
    consumer = AIOKafkaConsumer(
        **client_options(settings.kafka), group_id=settings.worker.group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        tp = TopicPartition(settings.topic(CLICKS), 0)
        consumer.assign([tp])
        await consumer.commit({tp: offset})
    finally:
        await consumer.stop()


async def _produce(settings: Settings, count: int, **options: str) -> None:
    producer = AIOKafkaProducer(**client_options(settings.kafka), **options)
    await producer.start()
    try:
        if options:
            async with producer.transaction():
                for number in range(count):
                    await producer.send(settings.topic(CLICKS), b"%d" % number, partition=0)
        else:
            for number in range(count):
                await producer.send_and_wait(settings.topic(CLICKS), b"%d" % number, partition=0)
    finally:
        await producer.stop()


@pytest.fixture
async def log(migrated: ClickHouse, kafka_topics: Settings) -> AsyncIterator[KafkaLog]:
    """Twelve records in partition 0 of this test's `clicks`, all committed by the worker's group."""
    await _produce(kafka_topics, RECORDS)
    await _committed(kafka_topics, RECORDS)
    async with open_log(kafka_topics) as opened:
        yield opened


async def _raw(clickhouse: ClickHouse, offsets: range) -> None:
    rows = [Row(offset) for offset in offsets]
    await insert_clicks(clickhouse, rows)
    await insert_windows(clickhouse, windows_of(rows))


async def _dead(clickhouse: ClickHouse, *offsets: int) -> None:
    rows = [{"topic": CLICKS, "kafka_offset": offset, "received_at": str(NOON)[:19]} for offset in offsets]
    await insert_rows(clickhouse, "dead_letters", rows)


async def _duplicate(clickhouse: ClickHouse, *offsets: int) -> None:
    rows = [{"topic": CLICKS, "kafka_offset": offset, "received_at": str(NOON)[:19]} for offset in offsets]
    await insert_rows(clickhouse, "duplicates", rows)


async def _account(clickhouse: ClickHouse, log: KafkaLog) -> Account:
    position = (await log.positions(CLICKS))[0]
    return await account(clickhouse, log, CLICKS, position)


async def test_every_offset_with_one_fate_adds_up_to_what_was_consumed(migrated: ClickHouse, log: KafkaLog) -> None:
    await _raw(migrated, range(9))
    await _raw(migrated, range(4))  # a zombie's
    await _dead(migrated, 9, 10)
    await _dead(migrated, 10)  # once more, after a crash
    await _duplicate(migrated, 11)
    found = await _account(migrated, log)
    assert found.difference == 0
    assert str(found) == "clicks/0: 12 consumed = 9 accepted + 2 rejected + 1 duplicate"


async def test_a_record_without_a_fate_is_missing_and_the_first_is_named(migrated: ClickHouse, log: KafkaLog) -> None:
    await _raw(migrated, range(5))
    await _raw(migrated, range(8, 11))
    found = await _account(migrated, log)
    assert (found.missing, found.first_missing, found.difference) == (4, 5, 4)


async def test_nothing_in_clickhouse_at_all_is_missing_from_the_first_offset(
    migrated: ClickHouse, log: KafkaLog
) -> None:
    found = await _account(migrated, log)
    assert (found.missing, found.first_missing) == (RECORDS, 0)


async def test_an_event_with_two_fates_is_a_difference(migrated: ClickHouse, log: KafkaLog) -> None:
    await _raw(migrated, range(RECORDS))
    await _dead(migrated, 3)
    found = await _account(migrated, log)
    assert (found.doubled, found.difference) == (1, 1)


async def test_what_is_not_committed_is_no_difference(migrated: ClickHouse, log: KafkaLog) -> None:
    await _raw(migrated, range(6))
    (position, *_) = await log.positions(CLICKS)
    found = await account(migrated, log, CLICKS, replace(position, committed=6))
    assert (found.accepted, found.difference) == (6, 0)


async def test_rows_beyond_the_topics_end_are_of_another_topic(migrated: ClickHouse, log: KafkaLog) -> None:
    await _raw(migrated, range(RECORDS + 2))
    assert (await _account(migrated, log)).beyond_end == 2


async def test_a_gap_of_the_log_itself_is_not_missing(
    migrated: ClickHouse, log: KafkaLog, kafka_topics: Settings
) -> None:
    await _produce(kafka_topics, 2, transactional_id=kafka_topics.topic("gap"))
    while (await log.positions(CLICKS))[0].end < RECORDS + 3:
        await asyncio.sleep(0.02)  # offset 14 will be the mark that ends the transaction
    await _produce(kafka_topics, 1)
    await _committed(kafka_topics, RECORDS + 4)
    await _raw(migrated, range(RECORDS + 2))
    await _raw(migrated, range(RECORDS + 3, RECORDS + 4))
    found = await _account(migrated, log)
    assert (found.gaps, found.missing, found.difference) == (1, 0, 0)
    assert str(found).startswith("clicks/0: 15 consumed = 15 accepted")


async def test_a_partition_that_nobody_committed_has_nothing_to_account_for(
    migrated: ClickHouse, log: KafkaLog
) -> None:
    idle = (await log.positions(CLICKS))[1]
    assert idle == Position(1, 0, None, 0)
    assert (await account(migrated, log, CLICKS, idle)).until == 0


async def test_events_that_arrived_before_the_time_in_question_are_left_out(
    migrated: ClickHouse, log: KafkaLog
) -> None:
    future_ms = int(NOON.timestamp() * 1000) * 2
    assert (await log.positions(CLICKS, future_ms))[0].first == RECORDS
    assert (await log.positions(CLICKS, 1))[0].first == 0


async def test_the_command_exits_with_1_and_names_the_first_window_that_differs(
    migrated: ClickHouse, log: KafkaLog, environ: dict[str, str]
) -> None:
    await _raw(migrated, range(RECORDS))
    environ["GUIDESTREAM_CLICKHOUSE_RAW_TTL_DAYS"] = "0"  # the clock is past the rows' time
    good = await _invoked(environ)
    assert (good.exit_code, good.output.splitlines()[-1]) == (0, "difference: 0")
    await insert_windows(migrated, [{**windows_of(map(Row, range(RECORDS)))[0], "clicks": 20}])
    bad = await _invoked(environ)
    assert bad.exit_code == 1
    assert "clicks 20 instead of 12" in bad.output
    as_json = orjson.loads((await _invoked(environ, "--json")).output)
    assert as_json["difference"] == 8
    assert as_json["clicks"]["first"]["window"]["clicks"] == 20
    assert next(one["accepted"] for one in as_json["accounts"] if one["topic"] == CLICKS) == RECORDS


async def _invoked(environ: dict[str, str], *more: str) -> Result:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["--full", *more], env=environ))
