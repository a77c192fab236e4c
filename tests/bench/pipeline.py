"""Everything on this machine at 5,000 taps/s: tap to row and to gauge, and the worker's way back after kill -9."""

import asyncio
import os
import re
import signal
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from stream.base import log, runfile
from stream.base.clock import wall_clock
from stream.base.http import get
from stream.base.settings import PREFIX, Settings, load
from stream.embedded.demo.brand import demo_brand
from stream.embedded.demo.load import load_brand
from stream.embedded.demo.people import Crowd
from stream.embedded.demo.probe import FreshnessProbe
from stream.embedded.demo.quantiles import quantile
from stream.embedded.demo.run import demo_settings, edge_knows, everything
from stream.embedded.demo.taps import Ledger, Sender
from stream.embedded.demo.totals import totals
from stream.embedded.supervisor import Supervisor
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import open_log

RATE = 5_000
WARM_UP_S = 10
MEASURE_S = 30
_DAY_CLICKS = re.compile(r'^guidestream_guide_clicks\{[^}]*window="day"[^}]*\} (\S+)$', re.MULTILINE)


@dataclass
class GaugeProbe:
    """How long until the worker's gauges hold every tap that was answered before a moment."""

    host: str
    port: int
    ledger: Ledger
    seen_ms: list[float] = field(default_factory=list)

    async def run(self) -> None:
        while True:
            wanted, began = self.ledger.answered, time.perf_counter()
            while await self._clicks() < wanted:
                await asyncio.sleep(0.1)
            self.seen_ms.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.5)

    async def _clicks(self) -> float:
        answer = await get(self.host, self.port, "/metrics")
        return sum(float(value) for value in _DAY_CLICKS.findall(answer.body.decode()))


@dataclass
class Running:
    """A pipeline under load."""

    settings: Settings
    supervisor: Supervisor
    sender: Sender
    probe: FreshnessProbe
    clickhouse: ClickHouse


@asynccontextmanager
async def pipeline(rate: float, directory: Path) -> AsyncIterator[Running]:
    """Everything started, the demo brand loaded, taps under way; at the end drained, audited, stopped."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    settings = demo_settings(load(environ), directory)
    brand = demo_brand(1, wall_clock() - 86_400_000)
    crowd = Crowd(Random(1), tuple(link.code for link in brand.links))
    with (directory / "bench.log").open("a", encoding="utf-8") as logs:
        log.configure(process="bench", stream=logs)
        async with everything(settings, logs, asyncio.Event()) as supervisor:
            assert supervisor is not None
            await load_brand(settings, brand)
            await edge_knows(settings, len(brand.links))
            clickhouse = await ClickHouse.connect(settings)
            sender = Sender(settings.edge.host, settings.edge.port, lambda: crowd.tap(20), rate=rate)
            probe = FreshnessProbe(clickhouse)
            sender.on_answer = probe.on_answer
            tasks = [asyncio.create_task(sender.run()), asyncio.create_task(probe.run())]
            try:
                yield Running(settings, supervisor, sender, probe, clickhouse)
                await sender.stop()
                await _verdict(settings, clickhouse, sender.ledger)
            finally:
                for task in tasks:
                    task.cancel()
                await clickhouse.close()


async def _verdict(settings: Settings, clickhouse: ClickHouse, ledger: Ledger) -> None:
    async with open_log(settings) as kafka:
        for _ in range(120):
            found = await totals(settings, clickhouse, kafka)
            if not found.waiting and found.raw_rows == found.window_clicks >= ledger.answered:
                break
            await asyncio.sleep(0.5)
    print(
        f"ledger: {ledger.answered} answered, {ledger.given_up} not sent in time; {found.raw_rows} rows, "
        f"{found.window_clicks} in windows, audit difference {found.audit_difference}"
    )


async def _measure() -> None:
    with tempfile.TemporaryDirectory(prefix="guidestream-bench-") as name:
        async with pipeline(RATE, Path(name)) as running:
            await asyncio.sleep(WARM_UP_S)
            worker = running.settings.worker
            gauges = GaugeProbe(worker.metrics_host, worker.metrics_port, running.sender.ledger)
            watching = asyncio.create_task(gauges.run())
            running.probe.seen_ms.clear()
            running.sender.ledger.answer_ms.clear()
            answered = running.sender.ledger.answered
            await asyncio.sleep(MEASURE_S)
            watching.cancel()
            rate = (running.sender.ledger.answered - answered) / MEASURE_S
            ledger, probe = running.sender.ledger, running.probe
            print(f"taps answered: {rate:.0f}/s of {RATE}/s asked for, on {os.cpu_count()} cores, load included")
            print(f"redirect: p50 {ledger.quantile_ms(0.5)} ms, p99 {ledger.quantile_ms(0.99)} ms")
            print(f"tap to row: p50 {probe.quantile_ms(0.5)} ms, p99 {probe.quantile_ms(0.99)} ms (wanted: 1000, 3000)")
            print(f"tap to gauge: {_quantiles(gauges.seen_ms)} (wanted: p50 1000, p99 3000)")
            await _kill(running)


async def _kill(running: Running) -> None:
    """kill -9 of the worker under load: how long until it is ready, and until a new row is there."""
    old = running.supervisor.pid("worker")
    assert old is not None
    os.kill(old, signal.SIGKILL)
    began = time.perf_counter()
    while True:
        found = runfile.read(running.settings, "worker")
        if found is not None and found.pid != old:
            break
        await asyncio.sleep(0.05)
    ready_s = time.perf_counter() - began
    ((rows,),) = await running.clickhouse.query("SELECT count() FROM clicks")
    while (await running.clickhouse.query("SELECT count() FROM clicks"))[0][0] == rows:
        await asyncio.sleep(0.05)
    print(f"kill -9 of the worker: ready after {ready_s:.1f} s, rows again after {time.perf_counter() - began:.1f} s")


def _quantiles(times: list[float]) -> str:
    return f"p50 {quantile(times, 0.5)} ms, p99 {quantile(times, 0.99)} ms of {len(times)} looks"


def main() -> None:
    """Run it; about a minute and a half."""
    asyncio.run(_measure())
