"""A running `guidestream api`, a key that opens it, and what it put into the topic."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import orjson
import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import CONVERSIONS, RETRANSMITTED
from stream.base.kafka import client_options
from stream.base.settings import Settings, load
from stream.registry.writer import Writer
from tests.support.api import AUTHORIZATION, api_key
from tests.support.broker import start, wait_ready
from tests.support.registry import writes

NDJSON = {**AUTHORIZATION, "Content-Type": "application/x-ndjson"}


class ApiProcess:
    """A running API, ready."""

    def __init__(self, environ: Mapping[str, str], process: subprocess.Popen[bytes], log: Path) -> None:
        self.settings, self.process, self._log = load(environ), process, log
        running = wait_ready(process, self.settings, "api", log)
        self.host, self.port = running.host, running.port
        self.url = f"http://{running.host}:{running.port}"
        self.admin = f"http://{running.admin_host}:{running.admin_port}"
        self.spool = self.settings.data.dir / "spool" / f"api-{CONVERSIONS}"

    @property
    def log(self) -> str:
        """What it said."""
        return self._log.read_text(errors="replace")

    def post(self, lines: bytes) -> httpx.Response:
        """Events, one a line, with the key `all`."""
        return httpx.post(f"{self.url}/v1/events", content=lines, headers=NDJSON, trust_env=False, timeout=30)

    def get(self, address: str) -> httpx.Response:
        """A page, without a key; `address` is a path or a whole URL."""
        return httpx.get(self.url + address if address[0] == "/" else address, trust_env=False, timeout=30)

    def end(self, number: int) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=40)

    def kill_with_shipper(self) -> None:
        """kill -9 of the process and of the one that ships for it, at once."""
        children = psutil.Process(self.process.pid).children()
        for victim in (*children, psutil.Process(self.process.pid)):
            victim.kill()
        self.process.wait(timeout=30)


@contextmanager
def api_process(environ: dict[str, str]) -> Iterator[ApiProcess]:
    """A real API; it is gone afterwards."""
    log = load(environ).data.dir / "api.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    process = start("api", environ, log)
    try:
        yield ApiProcess(environ, process, log)
    finally:
        process.kill()
        process.wait(timeout=30)


async def with_key(settings: Settings) -> None:
    """Put the key `all` into the registry."""
    await Writer(settings).change(writes(api_key()))


async def conversions(settings: Settings) -> list[tuple[dict[str, Any], bool]]:
    """Everything in the topic, in the order of each partition: the event, and whether it is marked as sent again."""
    name = settings.topic(CONVERSIONS)
    places = [TopicPartition(name, number) for number in range(settings.kafka.conversions_partitions)]
    consumer = AIOKafkaConsumer(
        **client_options(settings.kafka), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    found: list[tuple[dict[str, Any], bool]] = []
    try:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [(orjson.loads(record.value), (RETRANSMITTED, b"1") in record.headers) for record in records]
    finally:
        await consumer.stop()
    return found
