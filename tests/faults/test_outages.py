"""ClickHouse or Kafka go away under a working worker, and come back."""

import asyncio
import os
import signal
from pathlib import Path

from schemas.topics import CONVERSIONS
from stream.base.settings import load
from stream.base.topics import ensure_topics
from stream.sink.clickhouse import ClickHouse
from stream.sink.migrate import migrate
from tests.support.broker import start, stop, wait_ready
from tests.support.conversion_ledger import ConversionSender, conversion_differences
from tests.support.ledger import Sender, all_committed, differences
from tests.support.warehouse import Warehouse
from tests.support.warehouse import running as warehouse_running
from tests.support.workers import running

_LITTLE_BROKER = {"GUIDESTREAM_BROKER_HEAP_MIB": "256"}


async def test_clickhouse_away_is_back_pressure_and_nothing_is_lost(
    environ: dict[str, str], broker: str, tmp_path: Path
) -> None:
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = broker
    data = tmp_path / "warehouse"
    with warehouse_running(data) as first:
        environ.update(first.environ)
        settings = load(environ)
        await ensure_topics(settings)
        admin = await ClickHouse.connect(settings, database="")
        await migrate(admin, settings)
        await admin.close()
        async with (
            Sender(settings) as sender,
            ConversionSender(settings) as conversions,
            running(environ, settings, tmp_path) as (worker,),
            asyncio.timeout(100),
        ):
            await worker.ready()
            await sender.send(2_000)
            await all_committed(settings)
            async with asyncio.TaskGroup() as group:
                group.create_task(conversions.send(600, pause_s=0.2))
                await sender.send(1_000, at_once=100, pause_s=0.02)
                os.kill(first.pid, signal.SIGKILL)
                await sender.send(5_000)
                await asyncio.sleep(2)
            assert worker.process.poll() is None, worker.log()
            port = first.url.rpartition(":")[2]
            with warehouse_running(data, GUIDESTREAM_WAREHOUSE_PORT=port):
                await all_committed(settings)
                await all_committed(settings, CONVERSIONS)
                clickhouse = await ClickHouse.connect(settings)
                assert await differences(settings, clickhouse, sender.ledger) == []
                assert await conversion_differences(settings, clickhouse, conversions.ledger) == []
                await clickhouse.close()
                assert worker.stop() == 0


async def test_a_broker_killed_and_started_again_loses_nothing(
    environ: dict[str, str], warehouse: Warehouse, migrated: ClickHouse, tmp_path: Path
) -> None:
    environ["GUIDESTREAM_DATA_DIR"] = str(tmp_path / "broker")
    environ |= {"GUIDESTREAM_BROKER_PORT": "0", **_LITTLE_BROKER}
    process = start("broker", environ, tmp_path / "broker.log")
    try:
        node = wait_ready(process, load(environ), "broker", tmp_path / "broker.log")
        environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = f"{node.host}:{node.port}"
        environ["GUIDESTREAM_BROKER_PORT"] = str(node.port)
        environ.update(warehouse.environ)
        settings = load(environ)
        await ensure_topics(settings)
        async with (
            Sender(settings) as sender,
            ConversionSender(settings) as conversions,
            running(environ, settings, tmp_path) as (worker,),
            asyncio.timeout(120),
        ):
            await worker.ready()
            await sender.send(3_000, pause_s=0.05)
            await conversions.send(300)
            process.kill()
            process.wait()
            process = start("broker", environ, tmp_path / "broker.log")
            wait_ready(process, settings, "broker", tmp_path / "broker.log")
            await sender.send(3_000, pause_s=0.05)
            await conversions.send(300)
            await all_committed(settings)
            await all_committed(settings, CONVERSIONS)
            assert await differences(settings, migrated, sender.ledger) == []
            assert await conversion_differences(settings, migrated, conversions.ledger) == []
            assert worker.process.poll() is None, worker.log()
    finally:
        stop(process)
