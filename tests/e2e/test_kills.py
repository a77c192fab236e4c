"""Everything runs, anything is killed at any moment: the sender's ledger and the warehouse agree to the last tap."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from random import Random

from stream.base.settings import PREFIX, load
from stream.embedded.demo.brand import demo_brand
from stream.embedded.demo.load import load_brand
from stream.embedded.demo.people import Crowd
from stream.embedded.demo.run import demo_settings, edge_knows, everything
from stream.embedded.demo.taps import Sender
from tests.support.answered import Answered, differences

VICTIMS = ("edge", "worker", "warehouse", "broker", "worker", "edge")
RATE = 250


async def test_no_kill_loses_or_doubles_a_tap(tmp_path: Path, fault_seed: int) -> None:
    rng = Random(fault_seed)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = demo_settings(load(environ | {f"{PREFIX}PROMETHEUS_PROGRAM": ""}), tmp_path)
    brand = demo_brand(fault_seed, 0)
    crowd = Crowd(rng, tuple(link.code for link in brand.links))
    answered = Answered()

    async with everything(settings, sys.stderr, asyncio.Event()) as supervisor:
        assert supervisor is not None
        await load_brand(settings, brand)
        await edge_knows(settings, len(brand.links))
        sender = Sender(settings.edge.host, settings.edge.port, lambda: crowd.tap(20), rate=RATE, connections=16)
        sender.on_answer = answered.on_answer
        sending = asyncio.create_task(sender.run())
        for victim in rng.sample(VICTIMS, 3):
            await asyncio.sleep(rng.uniform(0.5, 2.5))
            pid = supervisor.pid(victim)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(2)
        await sender.stop()
        await sending
        assert await differences(settings, answered, sender.ledger) == []
