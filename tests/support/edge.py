"""The edge in tests: requests and answers without a server, and a real edge process."""

import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from schemas.registry import Link, Record
from stream.base.clock import wall_clock
from stream.base.settings import load
from stream.edge.decide import Facts
from stream.edge.plan import Plan, plan
from stream.registry import store
from stream.registry.snapshot import Builder, Snapshot
from stream.spool.reader import Reader
from stream.spool.segments import Position
from tests.support import registry
from tests.support.broker import start, wait_ready

NOW_MS = 1_790_000_000_000
"""2026-09-21T14:13:20Z, 22:13:20 in Shanghai."""
SHANGHAI = ZoneInfo("Asia/Shanghai")
TOKEN = "T" * 30
WECHAT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 "
    "MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"
)
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)


def facts(**fields: Any) -> Facts:
    """The facts of a plain tap in WeChat in China."""
    defaults: dict[str, Any] = {
        "fetch": "navigate",
        "query": "",
        "prefix": "114.114.114.0/24",
        "user_agent": WECHAT,
        "language": "zh-CN",
        "referrer": "",
        "visitor": "v" * 24,
        "visitor_kind": "cookie",
    }
    return Facts(**(defaults | fields))


def snapshot(*records: Record) -> Snapshot:
    """A registry of these records, with one guide in one store besides."""
    return Builder().add(registry.store(), registry.guide(), *records).build(1)


def planned(link: Link, *records: Record, now_ms: int = NOW_MS) -> Plan:
    """The plan of a link."""
    return plan(link, snapshot(*records), now_ms, zone=SHANGHAI, public_url="https://go.example.com")


@dataclass
class Registry:
    """A registry that stands still."""

    snapshot: Snapshot
    ready: bool = True


@dataclass
class Kept:
    """A spool in memory."""

    records: list[tuple[bytes, dict[str, Any]]] = field(default_factory=list)

    def append(self, key: bytes, value: bytes) -> None:
        """Keep a record."""
        self.records.append((key, orjson.loads(value)))


class Headers:
    """Request headers as the server hands them over: of values that are not printable ASCII only the names come."""

    def __init__(self, lines: Sequence[tuple[str, str]]) -> None:
        self._names = {name.lower() for name, _ in lines}
        self._lines = [(name.lower(), value) for name, value in lines if value.isascii()]

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def get(self, name: str, default: Any = None) -> Any:
        """The first value."""
        return next((value for known, value in self._lines if known == name), default)

    def get_all(self, name: str) -> list[str]:
        """All values."""
        return [value for known, value in self._lines if known == name]


@dataclass
class Scope:
    """A request as the server hands it over."""

    path: str
    query_string: str = ""
    method: str = "GET"
    client: str = "114.114.114.114:50000"
    header_lines: Sequence[tuple[str, str]] = (("User-Agent", WECHAT), ("Accept-Language", "zh-CN"))

    @property
    def headers(self) -> Headers:
        """Of the request."""
        return Headers(self.header_lines)


@dataclass
class Answer:
    """What the handler answered; stands in for the server's side of it."""

    status: int = 0
    header_lines: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """An answer without a body."""
        self.response_bytes(status, headers, b"")

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """An answer with a body."""
        assert self.status == 0, "answered twice"
        self.status, self.header_lines, self.body = status, headers, body

    @property
    def headers(self) -> dict[str, str]:
        """By name; none is there twice."""
        found = dict(self.header_lines)
        assert len(found) == len(self.header_lines)
        return found


def seed(environ: Mapping[str, str], *records: Record) -> None:
    """Leave a registry on disk, as an earlier edge would have: an edge started next needs no Kafka."""
    path = store.path_of(load(environ))
    store.save(path, snapshot(*records), saved_ms=wall_clock())


class EdgeProcess:
    """A running edge."""

    def __init__(self, environ: Mapping[str, str], process: subprocess.Popen[bytes], name: str, log: Path) -> None:
        self.settings = load(environ)
        self.process = process
        running = wait_ready(process, self.settings, name, log)
        self.port = running.port
        self.url = f"http://{running.host}:{running.port}"
        self.admin = f"http://{running.admin_host}:{running.admin_port}"
        self.spool = self.settings.data.dir / "spool" / f"{name}-clicks"

    def clicks(self) -> list[dict[str, Any]]:
        """What lies in the spool."""
        return spooled(self.spool)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def edge_process(
    environ: dict[str, str], name: str = "edge", *, open_files: int | None = None
) -> Iterator[EdgeProcess]:
    """A real edge, ready, with a hard limit of open files, if need be; it is gone afterwards."""
    log = load(environ).data.dir / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    under = ("sh", "-c", f'ulimit -n {open_files}; exec "$0" "$@"') if open_files else ()
    process = start("edge", environ, log, under=under)
    try:
        yield EdgeProcess(environ, process, name, log)
    finally:
        process.kill()
        process.wait(timeout=30)


def spooled(directory: Path) -> list[dict[str, Any]]:
    """The values of all records in a spool's segments, in order."""
    reader = Reader(directory, Position(0, 0))
    found: list[dict[str, Any]] = []
    while records := reader.read().records:
        found += [orjson.loads(value) for _, value, _ in records]
    reader.close()
    return found
