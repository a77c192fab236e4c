"""Answers that are lost, workers that come and go, and partitions that are added, while conversions come in."""

import asyncio
import random
from pathlib import Path

from schemas.topics import CONVERSIONS
from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics
from stream.sink.clickhouse import ClickHouse
from tests.support.conversion_ledger import ConversionSender, conversion_differences
from tests.support.ledger import all_committed
from tests.support.workers import running


async def test_inserts_whose_answer_is_lost_are_in_once(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    async with (
        ConversionSender(fault_settings) as sender,
        running(environ, fault_settings, tmp_path, "one", module="tests.support.forgetful_worker") as (worker,),
        asyncio.timeout(100),
    ):
        await worker.ready()
        sent = await sender.send(900, pause_s=0.1)
        await sender.repeat(sent[::20])
        await all_committed(fault_settings, CONVERSIONS)
        assert await conversion_differences(fault_settings, pipeline, sender.ledger) == []
        assert "the answer was lost" in worker.log()


async def test_partitions_that_move_between_workers_keep_customers_and_windows_right(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    rng = random.Random(3)
    async with (
        ConversionSender(fault_settings) as sender,
        running(environ, fault_settings, tmp_path, "one", "two") as (one, two),
        asyncio.timeout(100),
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(2_500, pause_s=0.3))
            await one.ready()
            await asyncio.sleep(rng.random())
            two.kill()
            await asyncio.sleep(rng.random())
            two.start()
            await asyncio.sleep(rng.random())
            assert one.stop() == 0
            one.start()
        await all_committed(fault_settings, CONVERSIONS)
        assert await conversion_differences(fault_settings, pipeline, sender.ledger) == []


async def test_a_customer_whose_events_go_to_another_partition_from_now_on_is_known_there(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    async with (
        ConversionSender(fault_settings) as before,
        # Not a static member: that would be given what it had until its client looks for partitions again.
        running(environ, fault_settings, tmp_path) as (worker,),
        asyncio.timeout(100),
    ):
        await before.send(600)
        await all_committed(fault_settings, CONVERSIONS)
        assert worker.stop() == 0
        environ["GUIDESTREAM_KAFKA_CONVERSIONS_PARTITIONS"] = str(fault_settings.kafka.conversions_partitions + 3)
        raised = load(environ)
        await ensure_topics(raised)
        async with ConversionSender(raised, seed=1, ledger=before.ledger) as after:
            await after.send(600)
            worker.start()
            await all_committed(raised, CONVERSIONS)
            assert len({sent.partition for sent in after.ledger.accepted}) > fault_settings.kafka.conversions_partitions
            assert await conversion_differences(raised, pipeline, after.ledger) == []
