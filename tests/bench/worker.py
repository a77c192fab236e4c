"""Events a second of the worker, beside the same job in plain Faust and beside a bare consumer loop, in one run.

The jobs take turns over the same records, each in a process of its own, for several rounds: what disturbs the machine
for a while disturbs all of them, and the median of the rounds' ratios counts. A job's first eighth is warm-up and does
not count. What ClickHouse and the broker need comes out of the same two cores; ClickHouse is done with one job's rows
before the next job begins.
"""

import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil
from aiokafka import AIOKafkaProducer

from schemas.topics import CLICKS
from stream.base.clock import wall_clock
from stream.base.kafka import client_options
from stream.base.settings import PREFIX, Settings, environment, load
from stream.base.topics import ensure_topics
from stream.sink.clickhouse import ClickHouse
from stream.sink.migrate import migrate
from tests.support.broker import start, stop, wait_ready
from tests.support.ledger import all_committed
from tests.support.warehouse import running as warehouse_running
from tests.support.workers import running

EVENTS = int(os.environ.get("BENCH_EVENTS", "400000"))
PLAIN_EVENTS = EVENTS // 32
PARTITIONS = 4
ROUNDS = 5
WARM_UP = 8
"""The first of so many parts of a job's events does not count."""


@dataclass(frozen=True)
class Result:
    """One run of one job."""

    rate: float
    """Events a second."""
    cpu_us: float
    """Processor time of its process per event, which others on the machine disturb less."""
    batches: int = 0


def clicks(count: int, seed: int = 1) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values like those of an edge: 600 links of 120 guides, 80 user agents, 20,000 visitors."""
    rng = random.Random(seed)
    agents = [
        f"Mozilla/5.0 (iPhone; CPU iPhone OS 1{i % 4 + 4}_{i % 7} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
        f"Gecko) Mobile/15E148 MicroMessenger/8.0.{i} NetType/WIFI Language/zh_CN"
        for i in range(80)
    ]
    now = wall_clock()
    for number in range(count):
        link = rng.randrange(600)
        guide = f"g-{link % 120:03d}"
        event = {
            "v": 1,
            "id": f"{number:030d}",
            "ts": now - rng.randrange(2_000),
            "link": f"l{link:06d}",
            "kind": "wecom_acquisition",
            "outcome": "redirected",
            "fetch": "navigate",
            "visitor": f"{rng.randrange(20_000):032x}",
            "visitor_kind": "cookie",
            "guide": guide,
            "store": f"s-{link % 12:02d}",
            "region": f"r-{link % 3}",
            "campaign": "双十一",
            "touchpoint": "wecom_chat",
            "ip": f"223.{rng.randrange(20)}.{rng.randrange(100)}.0/24",
            "ua": rng.choice(agents),
            "lang": "zh-CN,zh-Hans;q=0.9",
            "ref": "https://mp.weixin.qq.com/s/abc",
        }
        yield guide.encode(), orjson.dumps(event)


async def fill(settings: Settings, count: int) -> None:
    """Make the topics and write that many clicks."""
    await ensure_topics(settings)
    producer = AIOKafkaProducer(**client_options(settings.kafka), linger_ms=20, max_batch_size=1 << 19)
    await producer.start()
    last = None
    for key, value in clicks(count):
        last = await producer.send(settings.topic(CLICKS), value, key=key)
    assert last is not None
    await producer.flush()
    await producer.stop()


def rival(name: str, settings: Settings, events: int) -> Result:
    """One of `tests.bench.worker_rivals`."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.worker_rivals", name, str(events)],
        env=inherited | environment(settings),
        stdout=subprocess.PIPE,
        check=True,
        timeout=300,
    )
    return Result(**json.loads(done.stdout.splitlines()[-1]))


async def whole(environ: dict[str, str]) -> Result:
    """`guidestream worker`, by when the rows of its batches were received, in a database of its own."""
    settings = load(environ)
    admin = await ClickHouse.connect(settings, database="")
    await migrate(admin, settings)
    with tempfile.TemporaryDirectory() as directory:
        async with running(environ, settings, Path(directory)) as (worker,), asyncio.timeout(300):
            await worker.ready()
            process = psutil.Process(worker.process.pid)
            before = process.cpu_times()
            await all_committed(settings)
            after = process.cpu_times()
            clickhouse = await ClickHouse.connect(settings)
            rows = await clickhouse.query(
                "SELECT toUnixTimestamp64Milli(received_at) AS at, count() FROM clicks GROUP BY at ORDER BY at"
            )
            ((windowed,),) = await clickhouse.query("SELECT sum(clicks) FROM link_windows FINAL")
            await clickhouse.close()
    await admin.command(f"DROP DATABASE {settings.clickhouse.database} SYNC")
    await admin.close()
    total = sum(count for _, count in rows)
    assert total == windowed, (total, windowed)
    cpu_s = after.user + after.system - before.user - before.system
    return Result(rate_of(rows, total // WARM_UP), cpu_s / total * 1e6, len(rows))


def rate_of(batches: Sequence[tuple[int, int]], warm_up: int) -> float:
    """Events a second behind the warm-up, of (millisecond, events) of each batch: one is received as the last is in."""
    seen = 0
    for number, (started_ms, count) in enumerate(batches):
        if seen >= warm_up:
            counted = sum(count for _, count in batches[number:-1])
            return counted / (batches[-1][0] - started_ms) * 1000
        seen += count
    raise AssertionError("too few batches")


@contextmanager
def machine() -> Iterator[dict[str, str]]:
    """A broker and a warehouse of this benchmark's own."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        environ = {
            "GUIDESTREAM_DATA_DIR": name,
            "GUIDESTREAM_BROKER_PORT": "0",
            "GUIDESTREAM_KAFKA_CLICKS_PARTITIONS": str(PARTITIONS),
        }
        process = start("broker", environ, directory / "broker.log")
        try:
            node = wait_ready(process, load(environ), "broker", directory / "broker.log")
            environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = f"{node.host}:{node.port}"
            with warehouse_running(directory / "warehouse") as warehouse:
                yield environ | warehouse.environ
        finally:
            stop(process)


def main() -> None:
    """Print each round, then the medians and their ratios."""
    jobs: dict[str, list[Result]] = {"raw": [], "windows": [], "whole": [], "plain": []}
    with machine() as environ:
        settings = load(environ)
        asyncio.run(fill(settings, EVENTS))
        rival("raw", settings, EVENTS)  # the broker's first reading of its log is slower
        for number in range(ROUNDS):
            for name, results in jobs.items():
                own = environ | {
                    "GUIDESTREAM_CLICKHOUSE_DATABASE": f"{name}{number}",
                    "GUIDESTREAM_WORKER_GROUP": f"{name}{number}",
                    "GUIDESTREAM_WORKER_METRICS_PORT": "0",
                }
                events = PLAIN_EVENTS if name == "plain" else EVENTS
                results.append(asyncio.run(whole(own)) if name == "whole" else rival(name, load(own), events))
            print("  ".join(f"{name} {results[-1].rate:9,.0f}/s" for name, results in jobs.items()), flush=True)
    windows, of_raw = ratio(jobs["windows"], jobs["raw"]), ratio(jobs["whole"], jobs["raw"])
    faster = ratio(jobs["whole"], jobs["plain"])
    show("raw getmany + orjson.loads", middle(jobs["raw"]), "the limit")
    show("windows alone", middle(jobs["windows"]), f"{windows:.2f} of raw (wanted 0.70)")
    whole_path = middle(jobs["whole"])
    remark = f"{of_raw:.2f} of raw (wanted 0.25), {faster:.1f} x plain (wanted 20), {whole_path.batches} batches"
    show("whole path to ClickHouse", whole_path, remark)
    show("the same job in plain Faust", middle(jobs["plain"]), f"load of this machine {os.getloadavg()[0]:.1f}")


def ratio(ours: Sequence[Result], theirs: Sequence[Result]) -> float:
    """The median of the rounds' ratios."""
    return statistics.median(mine.rate / other.rate for mine, other in zip(ours, theirs, strict=True))


def middle(results: Sequence[Result]) -> Result:
    """The one with the median rate."""
    return sorted(results, key=lambda result: result.rate)[len(results) // 2]


def show(name: str, result: Result, remark: str) -> None:
    """One line."""
    print(f"{name:28s} {result.rate:10,.0f} events/s {result.cpu_us:8.2f} us of processor an event   {remark}")


if __name__ == "__main__":
    main()
