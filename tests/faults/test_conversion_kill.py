"""kill -9 of the worker between each two steps of the batch order, and whenever else, while conversions come in."""

import asyncio
import random
from pathlib import Path

from schemas.topics import CONVERSIONS
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from tests.support.conversion_ledger import ConversionSender, conversion_differences
from tests.support.dying_worker import POINTS, VARIABLE, arm
from tests.support.ledger import all_committed
from tests.support.workers import WorkerProcess, running

DYING = "tests.support.dying_worker"


async def test_a_worker_killed_in_every_gap_of_the_batch_order_leaves_nothing_out_and_counts_nothing_twice(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    rng = random.Random(7)
    order = tmp_path / "die"
    environ[VARIABLE] = str(order)
    # Where it dies does not depend on how long it rests.
    environ["GUIDESTREAM_WORKER_FLUSH_MS"] = environ["GUIDESTREAM_WORKER_LATE_MS"] = "50"
    async with (
        ConversionSender(fault_settings) as sender,
        running(environ, fault_settings, tmp_path, "one", module=DYING) as (worker,),
        asyncio.timeout(150),
    ):
        await sender.send(300)
        await all_committed(fault_settings, CONVERSIONS)
        for point in POINTS:
            arm(order, point, rng.randrange(1, 4))
            await _until_dead(worker, sender, point)
            order.unlink()
            worker.start(DYING)
            sent = await sender.send(100)
            await sender.repeat(rng.sample(sent, 10))
            await all_committed(fault_settings, CONVERSIONS)
            assert await conversion_differences(fault_settings, pipeline, sender.ledger) == [], point
        assert worker.stop() == 0


async def _until_dead(worker: WorkerProcess, sender: ConversionSender, point: str) -> None:
    while worker.process.poll() is None:
        events = [sender.an_event() for _ in range(40)]
        await sender.send_events([*events, sender.an_alias()] if point == "after aliases" else events)
        await asyncio.sleep(0.1)
    assert worker.process.returncode == -9, worker.log()
