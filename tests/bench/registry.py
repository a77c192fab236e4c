"""A million links: taken in from CSV, then how soon an edge is ready, how large it gets, how fast it looks up.

Beside it, in the same run, the same records fetched and thrown away, which no reader can be faster than.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from schemas.registry import Campaign, Thing, encode_record
from stream.base.clock import wall_clock
from stream.base.settings import Settings, environment, load
from stream.base.topics import ensure_topics
from stream.registry import store
from stream.registry.follower import Follower
from stream.registry.snapshot import Snapshot
from stream.registry.tables import Table, plan_import
from stream.registry.topic import open_topic
from stream.registry.writer import Writer
from tests.support import registry as make
from tests.support.broker import start, stop, wait_ready

LINKS = int(os.environ.get("BENCH_LINKS", "1000000"))
GUIDES = 2_000
LOOK_UPS = 300_000


def main() -> None:
    """Run it all and print one line a figure."""
    with TemporaryDirectory(prefix="bench-registry-") as name:
        directory = Path(name)
        with _broker(directory) as settings:
            asyncio.run(ensure_topics(settings))
            taken_in = _child(settings, "import")
            _print("taken in from CSV as one transaction, s", taken_in["seconds"])
            _print("  peak memory of that, MiB", taken_in["peak_mib"])
            bare = _child(settings, "bare")
            _print("records fetched and thrown away, s", bare["seconds"])
            _show("from Kafka", _child(settings, "follow"))
            _show("from its disk, Kafka there", _child(settings, "follow"))
        _show("from its disk, Kafka down", _child(settings, "follow"))


def _show(how: str, figures: dict[str, float]) -> None:
    _print(f"ready {how}, s", figures["seconds"])
    _print("  CPU of the process until then, s", figures["cpu"])
    _print("  memory when ready, MiB", figures["rss_mib"])
    _print("  peak memory, MiB", figures["peak_mib"])
    _print("  look-ups/s of CPU, random links", figures["cold"])
    _print("  look-ups/s of CPU, 5,000 hot links", figures["hot"])
    if "saved" in figures:
        _print("  written to disk, s", figures["saved"])
        _print("  file, MiB", figures["file_mib"])


def _print(what: str, value: float) -> None:
    print(f"{what:<45} {value:>12,.1f}", flush=True)


@contextmanager
def _broker(directory: Path) -> Iterator[Settings]:
    environ = {"GUIDESTREAM_DATA_DIR": str(directory), "GUIDESTREAM_BROKER_PORT": "0"}
    log_file = directory / "broker.log"
    process = start("broker", environ, log_file)
    try:
        running = wait_ready(process, load(environ), "broker", log_file)
        yield load(environ | {"GUIDESTREAM_KAFKA_BOOTSTRAP": f"{running.host}:{running.port}"})
    finally:
        stop(process)


def _child(settings: Settings, job: str) -> dict[str, float]:
    """Run one job in a process of its own, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.registry", job],
        env=os.environ | environment(settings),
        stdout=subprocess.PIPE,
        check=True,
    )
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


# -- the jobs ----------------------------------------------------------------------------------------------------------


async def _import(settings: Settings) -> dict[str, float]:
    writer = Writer(settings)
    brand: list[Thing] = [make.store(), Campaign("c1", "双十一"), *(make.guide(f"g{i}") for i in range(GUIDES))]
    await writer.change(lambda _: ([encode_record(thing) for thing in brand], None))
    head = "code,url,guide_id,campaign_id,touchpoint,utm_source,utm_medium,utm_campaign,pass_params\n"
    rows = (
        f"{_code(i)},https://shop.example.com/item/{i}?color=red,g{i % GUIDES},c1,wecom_chat,wecom,guide,c1,sku\n"
        for i in range(LINKS)
    )
    data = (head + "".join(rows)).encode()
    started = time.perf_counter()
    counts = await writer.change(plan_import(Table("link", data), settings.brand.zone, wall_clock()))
    assert counts.created == LINKS
    return {"seconds": time.perf_counter() - started, "peak_mib": _memory_mib("VmHWM")}


async def _bare(settings: Settings) -> dict[str, float]:
    started = time.perf_counter()
    async with open_topic(settings) as reader:
        end, count = await reader.end(), 0
        while await reader.position() < end:
            count += len(await reader.read())
    assert count > LINKS
    return {"seconds": time.perf_counter() - started}


async def _follow(settings: Settings) -> dict[str, float]:
    started = time.perf_counter()
    follower = Follower(settings, wall_clock)
    await follower.start()
    while not (follower.ready and follower.snapshot.links == LINKS):
        await asyncio.sleep(0.01)
    figures = {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time(),
        "rss_mib": _memory_mib("VmRSS"),
    }
    shuffled = random.Random(1).sample(range(LINKS), min(LINKS, LOOK_UPS))
    figures["cold"] = _look_ups(follower.snapshot, [_code(i) for i in shuffled])
    hot = [_code(i) for i in shuffled[:5000]]
    _look_ups(follower.snapshot, hot)
    figures["hot"] = _look_ups(follower.snapshot, hot * (LOOK_UPS // len(hot)))
    path = store.path_of(settings)
    was_there = path.exists()
    started = time.perf_counter()
    await follower.stop()
    if not was_there:
        figures |= {"saved": time.perf_counter() - started, "file_mib": path.stat().st_size / 2**20}
    return figures | {"peak_mib": _memory_mib("VmHWM")}


def _look_ups(snapshot: Snapshot, codes: list[str]) -> float:
    started = time.process_time()
    found = sum(snapshot.resolve(code) is not None for code in codes)
    assert found == len(codes)
    return len(codes) / (time.process_time() - started)


def _code(i: int) -> str:
    """Seven characters that differ, in no order."""
    return f"{i * 2_654_435_761 % 2**32:07x}"[-8:]


def _memory_mib(which: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which):
            return int(line.split()[1]) / 1024
    raise RuntimeError(which)


JOBS: dict[str, Callable[[Settings], Coroutine[Any, Any, dict[str, float]]]] = {
    "import": _import,
    "bare": _bare,
    "follow": _follow,
}

if __name__ == "__main__":
    print(json.dumps(asyncio.run(JOBS[sys.argv[1]](load()))))
