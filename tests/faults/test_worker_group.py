"""Workers that join, leave, and stand still while clicks come in."""

import asyncio
import random
import signal
import time
from pathlib import Path

from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from tests.support.ledger import Sender, all_committed, differences
from tests.support.workers import running


async def test_partitions_that_move_between_workers_under_load_are_counted_once(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path, fault_seed: int
) -> None:
    rng = random.Random(fault_seed)
    async with (
        Sender(fault_settings, fault_seed) as sender,
        running(environ, fault_settings, tmp_path, "one", "two") as (one, two),
        asyncio.timeout(90),
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(12_000, pause_s=0.12))
            await one.ready()
            await asyncio.sleep(rng.random())
            if rng.random() < 0.5:
                two.kill()
            else:
                assert two.stop() == 0
            await asyncio.sleep(rng.random())
            two.start()
            await asyncio.sleep(rng.random())
            assert one.stop() == 0
            one.start()
        await all_committed(fault_settings)
        assert await differences(fault_settings, pipeline, sender.ledger) == []


async def test_a_worker_frozen_past_its_session_ends_without_harm(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path, fault_seed: int
) -> None:
    rng = random.Random(fault_seed)
    environ["GUIDESTREAM_WORKER_DRAIN_MS"] = "3000"
    async with (
        Sender(fault_settings, fault_seed) as sender,
        # Two dynamic members: the second takes the partitions over when the first falls silent.
        running(environ, fault_settings, tmp_path, "frozen") as (frozen,),
        asyncio.timeout(100),
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(5_000, pause_s=0.3))
            await frozen.ready()
            await asyncio.sleep(rng.random())
            frozen.signal(signal.SIGSTOP)
            still = time.monotonic()
            async with running(environ, fault_settings, tmp_path, "other") as (other,):
                await other.ready()
                # The broker counts from the last heartbeat: the other one may be there before that.
                session_s = fault_settings.worker.session_ms / 1000
                await asyncio.sleep(max(rng.random(), still + session_s + 0.3 - time.monotonic()))
                frozen.signal(signal.SIGCONT)
                assert await frozen.ended() == 1
                assert "stood still" in frozen.log()
                frozen.start()
                await asyncio.sleep(1)
        await all_committed(fault_settings)
        assert await differences(fault_settings, pipeline, sender.ledger) == []
