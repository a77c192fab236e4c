"""kill -9 of an edge that keeps taps while the broker is gone: every answer it gave is one row in the end."""

import asyncio
import random
import signal
from pathlib import Path

from stream.base.settings import environment, load
from stream.base.topics import ensure_topics
from stream.embedded.demo.brand import demo_brand
from stream.embedded.demo.load import load_brand
from stream.embedded.demo.people import Crowd
from stream.embedded.demo.run import edge_knows
from stream.embedded.demo.taps import Sender
from stream.embedded.ports import with_free_ports
from stream.registry import store
from stream.sink.clickhouse import ClickHouse
from tests.support.answered import Answered, differences
from tests.support.edge import edge_process
from tests.support.private_broker import PrivateBroker
from tests.support.waiting import eventually
from tests.support.workers import running

RATE = 400


async def test_taps_answered_without_a_broker_outlive_the_kill_of_their_edge(
    environ: dict[str, str],
    private_broker: PrivateBroker,
    migrated: ClickHouse,
    tmp_path: Path,
    fault_seed: int,
) -> None:
    rng = random.Random(fault_seed)
    environ["GUIDESTREAM_REGISTRY_SNAPSHOT_SECONDS"] = "1"
    settings = with_free_ports(load(environ))
    environ = environment(settings)
    brand = demo_brand(fault_seed, 0)
    crowd = Crowd(rng, tuple(link.code for link in brand.links))
    answered = Answered()
    sender = Sender(settings.edge.host, settings.edge.port, lambda: crowd.tap(20), rate=RATE, connections=16)
    sender.on_answer = answered.on_answer

    async def more(count: int) -> None:
        target = len(answered.tokens) + count
        await eventually(lambda: len(answered.tokens) >= target)

    await asyncio.to_thread(private_broker.start)
    await ensure_topics(settings)
    await load_brand(settings, brand)
    async with running(environ, settings, tmp_path) as (worker,):
        with edge_process(environ) as edge:
            await edge_knows(settings, len(brand.links))
            await eventually(store.path_of(settings).exists)
            sending = asyncio.create_task(sender.run())
            await more(300)
            private_broker.kill()
            await more(1_000)
            await asyncio.sleep(rng.random() * 2)
            edge.end(signal.SIGKILL)
        with edge_process(environ):
            await more(1_000)
            if rng.random() < 0.5:
                await asyncio.to_thread(private_broker.start)
                await more(300)
            await sender.stop()
            await sending
            if not private_broker.runs:
                await asyncio.to_thread(private_broker.start)
            assert await differences(settings, answered, sender.ledger) == []
        assert worker.process.poll() is None, worker.log()
