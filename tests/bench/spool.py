"""The spool: what an append costs beside a bare write(), and shipping beside a shipper in a thread of the same process.

A shipper in the appending process's own interpreter is the rival that `stream.spool.child` gives its reason by.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import CLICKS
from stream.base.kafka import client_options
from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics
from stream.spool import Shipper, Spool, survey
from stream.spool.cursor import CursorFile
from stream.spool.kafka import KafkaPublisher
from stream.spool.pump import Pump
from tests.support.broker import start, stop, wait_ready

EVENTS = int(os.environ.get("BENCH_EVENTS", "400000"))
RATES = (100, 5000)
SECONDS = 6
EVENT = b"%017.6f" + b'{"v":1,"ua":"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0.42"}' * 5


def main() -> None:
    """Run it all and print one line a figure."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with TemporaryDirectory(prefix="bench-spool-") as name:
        directory = Path(name)
        _appends(directory)
        environ = {"GUIDESTREAM_DATA_DIR": name, "GUIDESTREAM_BROKER_PORT": "0"}
        process = start("broker", environ, directory / "broker.log")
        try:
            running = wait_ready(process, load(environ), "broker", directory / "broker.log")
            settings = load(environ | {"GUIDESTREAM_KAFKA_BOOTSTRAP": f"{running.host}:{running.port}"})
            asyncio.run(_shipping(settings))
        finally:
            stop(process)


def _appends(directory: Path) -> None:
    event = EVENT % 0.0
    with _spool(directory / "alone") as spool:
        _print("append, us", _timed(lambda: spool.append(b"guide-0001", event)))
    fd = os.open(directory / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    _print("bare write() of the event, us", _timed(lambda: os.write(fd, event)))
    os.close(fd)


async def _shipping(settings: Settings) -> None:
    await ensure_topics(settings)
    for how, shipping in (("a process of its own", _by_process), ("a thread", _by_thread)):
        with _spool(settings.data.dir / how) as spool:
            async with shipping(spool, settings):
                await _burst(spool, how)
    with _spool(settings.data.dir / "rates") as spool:
        async with _by_process(spool, settings):
            for rate in RATES:
                await _at_rate(spool, settings, rate)


async def _burst(spool: Spool, how: str) -> None:
    """Append as fast as it goes, while it is shipped."""
    event, busy, worst = EVENT % 0.0, 0.0, 0.0
    began = time.perf_counter()
    for number in range(0, EVENTS, 500):
        mark = time.perf_counter()
        for key in range(500):
            spool.append(b"guide-%04d" % ((number + key) % 120), event)
        took = time.perf_counter() - mark
        busy, worst = busy + took, max(worst, took)
        await asyncio.sleep(0)
    while survey.survey(spool.directory).waiting_bytes:
        await asyncio.sleep(0.02)
    _print(f"append while {how} ships, us", busy / EVENTS * 1e6)
    _print("  the slowest 500 appends, ms", worst * 1e3)
    _print("  acknowledged by Kafka, events/s", EVENTS / (time.perf_counter() - began))


async def _at_rate(spool: Spool, settings: Settings, rate: int) -> None:
    """From the append to the hands of a consumer, at a steady rate."""
    consumer = AIOKafkaConsumer(**client_options(settings.kafka), auto_offset_reset="latest")
    await consumer.start()
    places = [TopicPartition(settings.topic(CLICKS), n) for n in range(settings.kafka.clicks_partitions)]
    consumer.assign(places)
    for place in places:
        await consumer.position(place)
    waits: list[float] = []

    async def consume() -> None:
        while True:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                waits.extend(time.monotonic() - float(record.value[:17]) for record in records)

    consuming = asyncio.create_task(consume())
    (child,) = [one for one in psutil.Process().children() if "stream.spool.child" in one.cmdline()]
    before, began, sent = sum(child.cpu_times()[:2]), time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < SECONDS:
        while sent < elapsed * rate:
            spool.append(b"guide-%04d" % (sent % 120), EVENT % time.monotonic())
            sent += 1
        await asyncio.sleep(0.001)
    await asyncio.sleep(1)
    consuming.cancel()
    await consumer.stop()
    waits.sort()
    _print(f"append to consumer at {rate}/s, p50 ms", waits[len(waits) // 2] * 1e3)
    _print("  p99 ms", waits[len(waits) * 99 // 100] * 1e3)
    _print("  CPU of the shipper, % of a core", (sum(child.cpu_times()[:2]) - before) / SECONDS * 100)


@asynccontextmanager
async def _by_process(spool: Spool, settings: Settings) -> AsyncIterator[None]:
    shipper = Shipper(spool, settings, CLICKS)
    running = asyncio.create_task(shipper.run())
    await asyncio.sleep(2)
    yield
    await shipper.stop(10_000)
    await running


@asynccontextmanager
async def _by_thread(spool: Spool, settings: Settings) -> AsyncIterator[None]:
    pumps: list[Pump] = []

    async def ship() -> None:
        file = CursorFile(spool.directory)
        publisher = await KafkaPublisher.connect(settings, settings.topic(CLICKS), client_id="bench")
        pumps.append(Pump(spool.directory, file, publisher, send_seconds=30))
        await pumps[0].run()
        await pumps[0].close(1)
        await publisher.close()
        file.close()

    thread = threading.Thread(target=lambda: asyncio.run(ship()))
    thread.start()
    await asyncio.sleep(2)
    yield
    pumps[0].drain()
    thread.join()


def _spool(directory: Path) -> Spool:
    return Spool(directory, segment_bytes=16 << 20, max_bytes=4 << 30, fsync_ms=100, topic=CLICKS)


def _timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(EVENTS):
        call()
    return (time.perf_counter() - began) / EVENTS * 1e6


def _print(what: str, value: float) -> None:
    print(f"{what:<55}{value:>12,.2f}", flush=True)
