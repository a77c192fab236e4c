"""The demo from start to verdict: start everything, load the brand, tap, convert, drain, audit, compare."""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from rich.console import Console

from stream.base.clock import wall_clock
from stream.base.errors import GuidestreamError, UnavailableError
from stream.base.http import get
from stream.base.settings import PREFIX, Settings, environment, load
from stream.embedded import machine, prometheus
from stream.embedded.demo.brand import DemoBrand, demo_brand
from stream.embedded.demo.load import load_brand, temporary_key
from stream.embedded.demo.players import Players
from stream.embedded.demo.probe import FreshnessProbe
from stream.embedded.demo.report import conversions_of, differences, report_of
from stream.embedded.demo.totals import Totals, totals
from stream.embedded.demo.view import View, look
from stream.embedded.output import Output
from stream.embedded.ports import PORTS, with_free_ports
from stream.embedded.supervisor import Supervisor
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import KafkaLog, open_log

_DRAIN_S: Final = 60.0
_LOOK_EVERY_S: Final = 1.0
_EDGE_KNOWS_S: Final = 30.0
_OWN_PEERS: Final = ("KAFKA_BOOTSTRAP", "KAFKA_TOPIC_PREFIX", "CLICKHOUSE_URL", "EDGE_PUBLIC_URL", "EDGE_HOST")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to play."""

    rate: float
    """Taps a second."""
    seconds: float | None
    """How long; until it is stopped when None."""
    seed: int = 1


def demo_settings(settings: Settings, data_dir: Path) -> Settings:
    """The same settings with everything of this machine's own, on free ports, below `data_dir`."""
    variables = environment(settings)
    for name in _OWN_PEERS:
        variables.pop(PREFIX + name, None)
    variables |= {f"{PREFIX}{section}_{field}".upper(): "0" for section, field in PORTS}
    variables[f"{PREFIX}DATA_DIR"] = str(data_dir)
    return with_free_ports(load(variables))


def log_file(data_dir: Path) -> Path:
    """Where the processes of a demo log."""
    return data_dir / "demo.log"


async def run(settings: Settings, plan: Plan, console: Console, logs: TextIO) -> dict[str, Any]:
    """Play the demo; SIGINT and SIGTERM end the taps before their time. Returns the report.

    All processes write their log lines to `logs`.

    Raises:
        GuidestreamError: something could not be started, or a peer is gone for good; everything was stopped.
    """
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        console.print("starting Kafka, ClickHouse, edge, api, worker … 正在启动", highlight=False)
        supervisor = await stack.enter_async_context(everything(settings, logs, stopped))
        if supervisor is None:
            raise UnavailableError("stopped before everything was ready")
        brand = demo_brand(plan.seed, owned_from_ms=wall_clock() - 86_400_000)
        await load_brand(settings, brand)
        await edge_knows(settings, len(brand.links))
        clickhouse = await ClickHouse.connect(settings)
        stack.push_async_callback(clickhouse.close)
        kafka = await stack.enter_async_context(open_log(settings))
        _say_where_to_look(console, settings, brand)
        return await _play(_Scene(settings, plan, console, brand, clickhouse, kafka), stopped)


@dataclass(frozen=True, slots=True)
class _Scene:
    settings: Settings
    plan: Plan
    console: Console
    brand: DemoBrand
    clickhouse: ClickHouse
    kafka: KafkaLog


async def _play(scene: _Scene, stopped: asyncio.Event) -> dict[str, Any]:
    settings, brand = scene.settings, scene.brand
    before = await totals(settings, scene.clickhouse, scene.kafka)
    seed, rate, run_id = scene.plan.seed, scene.plan.rate, f"{wall_clock():x}"
    async with temporary_key(settings, f"demo-{run_id}") as key:
        players = Players.make(settings, brand, FreshnessProbe(scene.clickhouse), key, seed=seed, rate=rate, run=run_id)
        return await _watched(scene, stopped, before, players)


async def _watched(scene: _Scene, stopped: asyncio.Event, before: Totals, players: Players) -> dict[str, Any]:
    sender, probe, producer = players.sender, players.probe, players.producer
    brand = scene.brand
    sending, probing = asyncio.create_task(sender.run()), asyncio.create_task(probe.run())
    producing = asyncio.create_task(producer.run())
    try:
        with View(scene.console, {guide.id: guide.name for guide in brand.guides}) as view:
            until = None if scene.plan.seconds is None else time.monotonic() + scene.plan.seconds
            while not stopped.is_set() and (until is None or time.monotonic() < until):
                with suppress(GuidestreamError):  # restarting: the table stands still for a moment
                    view.show(sender.ledger, probe, producer.answers, await look(scene.clickhouse))
                pause = _LOOK_EVERY_S if until is None else min(_LOOK_EVERY_S, max(0.0, until - time.monotonic()))
                with suppress(TimeoutError):
                    await asyncio.wait_for(stopped.wait(), pause)
            await sender.stop()
            await sending
            producer.finish()
            await producing
        scene.console.print("draining and auditing … 收尾与核对", highlight=False)
        return await _drained(scene, before, players)
    finally:
        for task in (sending, probing, producing):
            task.cancel()


async def _drained(scene: _Scene, before: Totals, players: Players) -> dict[str, Any]:
    """The report once nothing waits any more, or as it is at the deadline."""
    (version,) = (await scene.clickhouse.query("SELECT version()"))[0]
    deadline = time.monotonic() + _DRAIN_S
    while True:
        after = await totals(scene.settings, scene.clickhouse, scene.kafka)
        report = report_of(before, after, players.sender.ledger, players.probe, str(version))
        report |= conversions_of(
            before.conversions, after.conversions, players.journeys.truth, players.producer.answers
        )
        settled = not differences(report) and not players.probe.pending
        if settled or time.monotonic() > deadline:
            scene.console.print("\n".join(after.verdict), highlight=False)
            return report
        await asyncio.sleep(0.5)


@asynccontextmanager
async def everything(settings: Settings, logs: TextIO, stopped: asyncio.Event) -> AsyncIterator[Supervisor | None]:
    """All processes of this machine; None when it is to stop before they are ready."""
    processes = machine.processes(settings, prometheus_program=prometheus.program(settings))
    supervisor = Supervisor(processes, output=Output(logs))
    starting, stopping = asyncio.create_task(supervisor.start()), asyncio.create_task(stopped.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
        yield supervisor if starting.done() else None
    finally:
        for task in (starting, stopping):
            task.cancel()
        await supervisor.stop()


async def edge_knows(settings: Settings, links: int) -> None:
    """Wait until the edge's snapshot holds the brand's links."""
    deadline = time.monotonic() + _EDGE_KNOWS_S
    while time.monotonic() < deadline:
        answer = await get(settings.edge.admin_host, settings.edge.admin_port, "/metrics")
        found = re.search(rb"^guidestream_registry_links (\S+)$", answer.body, re.MULTILINE)
        if found and float(found[1]) >= links:
            return
        await asyncio.sleep(0.1)
    raise UnavailableError(f"the edge did not get the {links} links within {_EDGE_KNOWS_S:.0f} s; see demo.log")


def _say_where_to_look(console: Console, settings: Settings, brand: DemoBrand) -> None:
    database = settings.clickhouse.database
    query = (
        f"SELECT guide_id, sum(human_clicks) FROM {database}.bi_clicks_hour GROUP BY guide_id ORDER BY 2 DESC LIMIT 5"
    )
    lines = [
        ("tap a link 点一下", f"{settings.edge.public_url}/{brand.links[0].code}"),
        ("edge metrics", f"http://{settings.edge.admin_host}:{settings.edge.admin_port}/metrics"),
        ("live metrics 指标", f"http://{settings.worker.metrics_host}:{settings.worker.metrics_port}/metrics"),
        ("api 接口", f"http://{settings.api.host}:{settings.api.port}/v1/links"),
        ("ClickHouse", settings.clickhouse.url),
        ("Kafka", settings.kafka.bootstrap),
        ("log 日志", str(log_file(settings.data.dir))),
        ("try 试试", f'curl -s -u {settings.clickhouse.user}: {settings.clickhouse.url} --data-binary "{query}"'),
    ]
    if prometheus.program(settings):
        lines.insert(3, ("Prometheus", f"http://{prometheus.HOST}:{settings.prometheus.port}"))
    for name, where in lines:
        console.print(f"  {name:<22}{where}", highlight=False, soft_wrap=True)
