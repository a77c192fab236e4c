"""Events into one API process as NDJSON, everything done (key, checks, protection, spool, Kafka), beside a bare loop.

The loop does what nobody could leave out, in a process that does nothing else: it parses each line, writes it with a
write() of its own and makes one answer. Both get the same lines in turn; client, shipper and broker take their share of
the same cores from the API.
"""

import asyncio
import http.client
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import orjson
import psutil

from stream.base.clock import wall_clock
from stream.base.settings import load
from stream.base.topics import ensure_topics
from tests.support.api_events import order
from tests.support.api_process import NDJSON, ApiProcess, api_process, with_key
from tests.support.broker import start, stop, wait_ready

_ROUNDS: Final = 5
_REQUESTS: Final = int(os.environ.get("BENCH_REQUESTS", "120"))
_BATCH: Final = 1_000
_CONNECTIONS: Final = 4


def main() -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name, _broker(Path(name)) as bootstrap:
        environ = {
            "GUIDESTREAM_DATA_DIR": f"{name}/api",
            "GUIDESTREAM_KAFKA_BOOTSTRAP": bootstrap,
            "GUIDESTREAM_API_PORT": "0",
            "GUIDESTREAM_API_ADMIN_PORT": "0",
            "GUIDESTREAM_API_EVENTS_PER_SECOND": "10000000",
        }
        settings = load(environ)
        asyncio.run(ensure_topics(settings))
        asyncio.run(with_key(settings))
        with api_process(environ) as api:
            _compare(api, Path(name))


def _compare(api: ApiProcess, directory: Path) -> None:
    process = psutil.Process(api.process.pid)
    ratios: list[float] = []
    rates: list[float] = []
    for number in range(-1, _ROUNDS):  # one to warm up
        bodies = [_lines(number * _REQUESTS + part) for part in range(_REQUESTS)]
        loop = _REQUESTS * _BATCH / _timed_loop(bodies, directory / "loop")
        before = sum(process.cpu_times()[:2])
        pings: list[float] = []
        seconds = _timed_api(api, bodies, pings)
        cpu_us = (sum(process.cpu_times()[:2]) - before) / _REQUESTS / _BATCH * 1e6
        if number < 0:
            continue
        rates.append(_REQUESTS * _BATCH / seconds)
        ratios.append(rates[-1] / loop)
        pings.sort()
        print(
            f"api {rates[-1]:>8,.0f} events/s, {cpu_us:.1f} us CPU an event   loop {loop:>9,.0f}/s   "
            f"ratio {ratios[-1]:.2f}   /healthz meanwhile p50 {pings[len(pings) // 2] * 1e3:.1f} ms, "
            f"p99 {pings[len(pings) * 99 // 100] * 1e3:.1f} ms",
            flush=True,
        )
    print(
        f"api / loop: median {statistics.median(ratios):.2f}; median {statistics.median(rates):,.0f} events/s, lowest "
        f"{min(rates):,.0f} (wanted: 20,000); load of this machine {os.getloadavg()[0]:.1f}"
    )


def _lines(part: int) -> bytes:
    now = wall_clock()
    numbers = range(part * _BATCH + 10_000_000, (part + 1) * _BATCH + 10_000_000)
    return b"\n".join(
        orjson.dumps(
            order(
                number,
                occurred_at=now,
                customer_id=f"wmAAAAcQAA{number % 50_000:010}",
                guide_id=f"g-{number % 120}",
                token="EQAAAAEmt-iKAAAAAQ0h5cBSZ0bDOw",
                margin="120.50",
                properties={"campaign": "double11", "sku": f"A{number}"}
                | ({"phone": f"138{number % 10**8:08}"} if number % 10 == 0 else {}),
            )
        )
        for number in numbers
    )


def _timed_loop(bodies: Sequence[bytes], file: Path) -> float:
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    began = time.perf_counter()
    for body in bodies:
        told = []
        for line in body.split(b"\n"):
            event = orjson.loads(line)
            os.write(fd, line)
            told.append({"event_id": event["event_id"], "status": "accepted"})
        orjson.dumps(told)
    seconds = time.perf_counter() - began
    os.close(fd)
    return seconds


def _timed_api(api: ApiProcess, bodies: Sequence[bytes], pings: list[float]) -> float:
    """Seconds until the last answer; `pings` takes how long /healthz needed meanwhile."""
    waiting = list(bodies)
    problems: list[str] = []

    def send() -> None:
        connection = http.client.HTTPConnection(api.host, api.port)
        while waiting:
            connection.request("POST", "/v1/events", waiting.pop(), NDJSON)
            answer = connection.getresponse()
            if not (body := answer.read()).startswith(b'{"accepted":%d,' % _BATCH):
                problems.append(f"{answer.status} {body[:200]!r}")

    senders = [threading.Thread(target=send) for _ in range(_CONNECTIONS)]
    began = time.perf_counter()
    for sender in senders:
        sender.start()
    with httpx.Client(base_url=api.url, trust_env=False) as client:
        while any(sender.is_alive() for sender in senders):
            mark = time.perf_counter()
            client.get("/healthz")
            pings.append(time.perf_counter() - mark)
            time.sleep(0.02)
    seconds = time.perf_counter() - began
    assert not problems, problems[0]
    return seconds


@contextmanager
def _broker(directory: Path) -> Iterator[str]:
    environ = {"GUIDESTREAM_DATA_DIR": str(directory / "broker"), "GUIDESTREAM_BROKER_PORT": "0"}
    log = directory / "broker.log"
    process = start("broker", environ, log)
    try:
        running = wait_ready(process, load(environ), "broker", log)
        yield f"{running.host}:{running.port}"
    finally:
        stop(process)


if __name__ == "__main__":
    main()
