"""The spool on real Kafka: all of it arrives, once, in order, where every client's partitioner would put it."""

import asyncio
import os
from collections import defaultdict

import pytest
from aiokafka.partitioner import DefaultPartitioner

from schemas.topics import CLICKS
from stream.base import metrics
from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics
from stream.spool import Shipper, Spool, survey
from stream.spool.cursor import START, Cursor, CursorFile
from stream.spool.reader import WINDOW_BYTES
from tests.support.spool_writer import Shipped, key_of, shipped


def in_order(found: list[Shipped]) -> bool:
    by_key: dict[bytes, list[int]] = defaultdict(list)
    for record in found:
        by_key[record.key].append(record.number)
    return all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_everything_arrives_once_in_order_and_nothing_is_left(kafka_topics: Settings) -> None:
    spool = Spool.of(kafka_topics, "ship", CLICKS)
    shipper = Shipper(spool, kafka_topics, CLICKS)
    before = metrics.SPOOL_SHIPPED.labels(CLICKS)._value.get()
    running = asyncio.create_task(shipper.run())
    for number in range(20_000):
        spool.append(key_of(number), b"%d" % number)
        if number % 1000 == 0:
            await asyncio.sleep(0.01)
    await shipper.stop(30_000)
    await running
    found = await shipped(kafka_topics)
    assert sorted(record.number for record in found) == list(range(20_000))
    assert not any(record.marked for record in found)
    assert in_order(found)
    partitions = list(range(kafka_topics.kafka.clicks_partitions))
    assert all(DefaultPartitioner()(record.key, partitions, partitions) == record.partition for record in found)
    assert {record.partition for record in found} == set(partitions)
    assert survey.survey(spool.directory).waiting_bytes == 0
    assert metrics.SPOOL_SHIPPED.labels(CLICKS)._value.get() - before == 20_000
    spool.close()


async def test_windows_full_of_what_cannot_be_compressed_are_taken_at_once(kafka_topics: Settings) -> None:
    spool = Spool.of(kafka_topics, "noise", CLICKS)
    for _ in range(15):
        spool.append(b"one partition", os.urandom(200_000))
    for _ in range(2 * WINDOW_BYTES // 1000):
        spool.append(b"one partition", os.urandom(1000))
    again = metrics.SPOOL_RETRANSMITTED.labels(CLICKS)._value.get()
    await ship_all(spool, kafka_topics)
    assert survey.survey(spool.directory).waiting_bytes == 0
    assert metrics.SPOOL_RETRANSMITTED.labels(CLICKS)._value.get() == again
    spool.close()


async def test_a_missing_topic_is_waited_for_and_said_once(
    kafka_settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    spool = Spool.of(kafka_settings, "early", CLICKS)
    shipper = Shipper(spool, kafka_settings, CLICKS)
    running = asyncio.create_task(shipper.run())
    spool.append(key_of(0), b"0")
    said = ""
    while "has no topic" not in said:
        await asyncio.sleep(0.1)
        said += capfd.readouterr().err
    await asyncio.sleep(1)  # several tries more
    await ensure_topics(kafka_settings)
    while survey.survey(spool.directory).waiting_bytes:
        await asyncio.sleep(0.05)
    await shipper.stop(10_000)
    await running
    spool.close()
    said += capfd.readouterr().err
    assert said.count("has no topic") == 1
    assert [(record.number, record.marked) for record in await shipped(kafka_settings)] == [(0, False)]


async def test_partitions_that_are_added_are_used(kafka_topics: Settings, environ: dict[str, str]) -> None:
    more = load(environ | {"GUIDESTREAM_KAFKA_CLICKS_PARTITIONS": "9"})
    spool = Spool.of(kafka_topics, "grow", CLICKS)
    shipper = Shipper(spool, kafka_topics, CLICKS)
    running = asyncio.create_task(shipper.run())
    await ensure_topics(more)
    await shipper.stop(1000)
    await running
    again = Shipper(spool, kafka_topics, CLICKS)
    running = asyncio.create_task(again.run())
    for number in range(200):
        spool.append(key_of(number), b"%d" % number)
    await again.stop(30_000)
    await running
    spool.close()
    partitions = list(range(9))
    for record in await shipped(more):
        assert DefaultPartitioner()(record.key, partitions, partitions) == record.partition


async def test_what_is_sent_again_lands_behind_its_original_though_partitions_were_added(
    kafka_topics: Settings, environ: dict[str, str]
) -> None:
    more = load(environ | {"GUIDESTREAM_KAFKA_CLICKS_PARTITIONS": "9"})
    spool = Spool.of(kafka_topics, "behind", CLICKS)
    for number in range(200):
        spool.append(key_of(number), b"%d" % number)
    await ship_all(spool, kafka_topics)
    # As after a kill before the first acknowledgement was kept.
    file = CursorFile(spool.directory)
    file.save(Cursor(START.acked, file.cursor.begun, file.cursor.partitions))
    file.close()
    await ensure_topics(more)
    for number in range(200, 400):
        spool.append(key_of(number), b"%d" % number)
    await ship_all(spool, more)
    spool.close()
    found = await shipped(more)
    places = defaultdict(list)
    for record in found:
        places[record.number].append((record.partition, record.marked))
    before, after = list(range(kafka_topics.kafka.clicks_partitions)), list(range(9))
    for number in range(400):
        old, new = (DefaultPartitioner()(key_of(number), count, count) for count in (before, after))
        assert places[number] == ([(old, False), (old, True)] if number < 200 else [(new, False)])


async def ship_all(spool: Spool, settings: Settings) -> None:
    shipper = Shipper(spool, settings, CLICKS)
    running = asyncio.create_task(shipper.run())
    while survey.survey(spool.directory).waiting_bytes:
        await asyncio.sleep(0.02)
    await shipper.stop(30_000)
    await running


async def test_without_kafka_nothing_blocks_and_the_stop_keeps_its_deadline(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    spool = Spool.of(settings, "alone", CLICKS)
    shipper = Shipper(spool, settings, CLICKS)
    running = asyncio.create_task(shipper.run())
    for number in range(1000):
        spool.append(key_of(number), b"%d" % number)
    while "cannot be reached" not in capfd.readouterr().err:
        await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        await shipper.stop(200)
        await running
    spool.close()
    left = survey.survey(spool.directory)
    assert left.waiting_bytes > 0
    assert left.cursor.begun == left.cursor.acked
