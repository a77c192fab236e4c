"""kill -9 of the worker at random moments, while clicks come in."""

import asyncio
import random
from pathlib import Path

from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from tests.support.ledger import Sender, all_committed, differences
from tests.support.workers import running


async def test_a_worker_killed_again_and_again_counts_every_click_once(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path, fault_seed: int
) -> None:
    rng = random.Random(fault_seed)
    async with (
        Sender(fault_settings, fault_seed) as sender,
        running(environ, fault_settings, tmp_path, "one") as (worker,),
        asyncio.timeout(90),
    ):
        async with asyncio.TaskGroup() as group:
            group.create_task(sender.send(12_000, pause_s=0.1))
            for _ in range(3):
                if rng.random() < 0.8:
                    await worker.ready()
                await asyncio.sleep(rng.random() * 2)
                worker.kill()
                worker.start()
        await all_committed(fault_settings)
        assert await differences(fault_settings, pipeline, sender.ledger) == []
