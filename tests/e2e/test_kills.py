"""Everything runs, anything is killed at any moment: the sender's ledger and the warehouse agree to the last tap."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from stream.base.errors import UnavailableError
from stream.base.settings import PREFIX, Settings, load
from stream.embedded.demo.brand import demo_brand
from stream.embedded.demo.load import load_brand
from stream.embedded.demo.people import Crowd, Tap
from stream.embedded.demo.probe import token_of
from stream.embedded.demo.run import demo_settings, edge_knows, everything
from stream.embedded.demo.taps import Sender, header
from stream.embedded.demo.totals import Totals, totals
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import open_log

VICTIMS = ("edge", "worker", "warehouse", "broker", "worker", "edge")
RATE = 250


Rows = list[tuple[str, int]]
"""Click ids, and at how many offsets each is."""


async def look(settings: Settings) -> tuple[Totals, Rows]:
    async with open_log(settings) as kafka:
        clickhouse = await ClickHouse.connect(settings)
        try:
            rows = await clickhouse.query(
                "SELECT click_id, uniqExact(kafka_partition, kafka_offset) FROM clicks GROUP BY click_id"
            )
            return await totals(settings, clickhouse, kafka), [(str(token), int(count)) for token, count in rows]
        finally:
            await clickhouse.close()


async def settled(ask: Callable[[], Awaitable[tuple[Totals, Rows]]], at_least: int) -> tuple[Totals, Rows]:
    """What is there once nothing waits and everything agrees, or as it is at the deadline."""
    deadline = time.monotonic() + 90
    while True:
        try:
            found, rows = await ask()
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
        else:
            done = not found.waiting and not found.audit_difference and len(rows) >= at_least
            if (done and found.raw_rows == found.window_clicks == len(rows)) or time.monotonic() > deadline:
                return found, rows
        await asyncio.sleep(0.5)


async def test_no_kill_loses_or_doubles_a_tap(tmp_path: Path, fault_seed: int) -> None:
    rng = Random(fault_seed)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = demo_settings(load(environ | {f"{PREFIX}PROMETHEUS_PROGRAM": ""}), tmp_path)
    brand = demo_brand(fault_seed, 0)
    crowd = Crowd(rng, tuple(link.code for link in brand.links))
    answered: set[str] = set()

    def on_answer(tap: Tap, head: bytes) -> None:
        token = token_of(header(head, b"location").decode())
        assert token or not tap.known
        if token:
            assert token not in answered
            answered.add(token)

    async with everything(settings, sys.stderr, asyncio.Event()) as supervisor:
        assert supervisor is not None
        await load_brand(settings, brand)
        await edge_knows(settings, len(brand.links))
        sender = Sender(settings.edge.host, settings.edge.port, lambda: crowd.tap(20), rate=RATE, connections=16)
        sender.on_answer = on_answer
        sending = asyncio.create_task(sender.run())
        for victim in rng.sample(VICTIMS, 3):
            await asyncio.sleep(rng.uniform(0.5, 2.5))
            pid = supervisor.pid(victim)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(2)
        await sender.stop()
        await sending
        after, rows = await settled(lambda: look(settings), at_least=len(answered))
    offsets = dict(rows)
    assert answered <= offsets.keys()
    assert all(count == 1 for count in offsets.values())
    assert len(offsets) <= len(answered) + sender.ledger.unanswered
    assert after.raw_rows == after.window_clicks == len(offsets)
    assert after.consumed == after.accepted + after.rejected + after.duplicate
    assert (after.rejected, after.audit_difference) == (0, 0), after.verdict
