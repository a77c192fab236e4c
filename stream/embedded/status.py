"""How this machine's processes are, how far the worker is behind, how fresh the rows are, what waits in the spool."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from schemas.topics import CLICKS, CONVERSIONS
from stream.base import http, kafka, runfile
from stream.base.errors import UnavailableError
from stream.base.lag import PartitionLag, consumer_lag
from stream.base.runfile import Running
from stream.base.settings import Settings
from stream.embedded import machine
from stream.sink.clickhouse import ClickHouse, QueryError

STALE_S: Final = 60.0
"""Events that wait longer than this, in a spool or in Kafka, mean that what should take them stands still."""
_WITH_SPOOL: Final = ("edge", "api")
"""Processes that keep what Kafka has not got yet, by the beginning of their names."""
_TIMEOUT_S: Final = 5.0
_NO_SUCH_TABLE: Final = frozenset({60, 81})
"""ClickHouse's codes for an unknown table and an unknown database."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the status."""

    part: str
    healthy: bool
    says: str
    facts: dict[str, Any] = field(default_factory=dict)
    """The same for machines."""


async def status(settings: Settings, now_ms: int) -> list[Finding]:
    """Ask every part at once; what is down is a finding, never an error.

    Args:
        settings: as `located` completes them, so that processes on free ports are found.
        now_ms: against which ages are taken.
    """
    processes = _processes(settings)
    asked = await asyncio.gather(
        *(_process(name, running) for name, running in processes.items()),
        _guarded("kafka", lambda: _lag(settings, now_ms)),
        _guarded("clickhouse", lambda: _freshness(settings, now_ms)),
        *(_spool(running) for name, running in processes.items() if running and name.startswith(_WITH_SPOOL)),
    )
    findings = [finding for answer in asked for finding in answer]
    if not processes:
        findings.insert(0, Finding("processes", healthy=False, says=f"none runs on {settings.data.dir}"))
    return findings


def _processes(settings: Settings) -> dict[str, Running | None]:
    """Who has a run file here and, while `up` runs, whom it keeps; None is one that should be there and is not."""
    names = [path.stem for path in sorted(runfile.path(settings, "any").parent.glob("*.json"))]
    if runfile.read(settings, "up") is not None:
        names = ["up", *(spec.name for spec in machine.processes(settings) if not spec.once), *names]
    return {name: runfile.read(settings, name) for name in dict.fromkeys(names)}


async def _process(name: str, running: Running | None) -> list[Finding]:
    if running is None:
        return [Finding(name, healthy=False, says="it ended without a clean stop, or is just being started")]
    facts: dict[str, Any] = {"pid": running.pid, "ready_ms": running.ready_ms}
    if running.port:
        facts |= {"host": running.host, "port": running.port}
    if running.admin_port:
        facts |= {"admin_host": running.admin_host, "admin_port": running.admin_port}
    wrong = await _wrong(name, running)
    address = f" on {running.host}:{running.port}" if running.port else ""
    admin = f" (admin {running.admin_host}:{running.admin_port})" if running.admin_port else ""
    return [Finding(name, not wrong, (wrong or f"pid {running.pid}") + address + admin, facts)]


async def _wrong(name: str, running: Running) -> str:
    """What its health page says is wrong; empty when all is well or it has none."""
    if name == "broker":
        well = await asyncio.to_thread(kafka.answers, running.host, running.port, timeout_s=_TIMEOUT_S)
        return "" if well else f"pid {running.pid} does not answer"
    for host, port, path in _health_pages(name, running):
        answer = await http.get(host, port, path, timeout_s=_TIMEOUT_S)
        if answer.status != 200:
            text = answer.body[:200].decode("utf-8", "replace").strip() if answer.status else "does not answer"
            return f"pid {running.pid}, {path}: {text}"
    return ""


def _health_pages(name: str, running: Running) -> list[tuple[str, int, str]]:
    if name == "warehouse":
        return [(running.host, running.port, "/ping")]
    if running.admin_port:
        return [(running.admin_host, running.admin_port, path) for path in ("/healthz", "/readyz")]
    return [(running.host, running.port, "/healthz")] if running.port else []


async def _guarded(part: str, ask: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        return await ask()
    except (UnavailableError, QueryError) as error:
        return [Finding(part, healthy=False, says=str(error))]


async def _lag(settings: Settings, now_ms: int) -> list[Finding]:
    lags = await consumer_lag(settings, (CLICKS, CONVERSIONS), timeout_s=_TIMEOUT_S)
    if not lags:
        says = f"{settings.kafka.bootstrap} has no topic {settings.topic(CLICKS)}: run guidestream topics"
        return [Finding("kafka", healthy=False, says=says)]
    well = Finding("kafka", healthy=True, says=f"answers on {settings.kafka.bootstrap}")
    return [well, *(_lag_of(name, list(group), now_ms) for name, group in groupby(lags, key=lambda lag: lag.name))]


def _lag_of(name: str, lags: list[PartitionLag], now_ms: int) -> Finding:
    total = sum(lag.lag for lag in lags)
    waits_s = max((now_ms - lag.oldest_ms for lag in lags if lag.oldest_ms is not None), default=0) / 1000
    partitions = {lag.partition: {"committed": lag.committed, "end": lag.end, "lag": lag.lag} for lag in lags}
    facts = {"lag": total, "oldest_seconds": max(0.0, waits_s), "partitions": partitions}
    if not total:
        return Finding(f"lag {name}", healthy=True, says=f"none in {len(lags)} partitions", facts=facts)
    each = ", ".join(f"{lag.partition}: {lag.lag}" for lag in lags)
    says = f"{total} events wait (by partition {each}), the oldest for {_age(waits_s)}"
    if waits_s >= STALE_S:
        says += ": does a worker run, does it keep up?"
    return Finding(f"lag {name}", waits_s < STALE_S, says, facts)


async def _freshness(settings: Settings, now_ms: int) -> list[Finding]:
    clickhouse = await ClickHouse.connect(settings, database="", timeout_ms=int(_TIMEOUT_S * 1000))
    try:
        # From the projection that keeps the newest of each part: no row is read.
        rows = await clickhouse.query(
            f"SELECT count(), toUnixTimestamp64Milli(max(append_time)) FROM {settings.clickhouse.database}.clicks"
        )
    except QueryError as error:
        if error.code in _NO_SUCH_TABLE:
            says = (
                f"{settings.clickhouse.url} has no table {settings.clickhouse.database}.clicks: run guidestream migrate"
            )
            return [Finding("clickhouse", healthy=False, says=says)]
        raise
    finally:
        await clickhouse.close()
    count, newest_ms = rows[0]
    if not count:
        return [Finding("clickhouse", healthy=True, says="answers, holds no click yet", facts={"rows": 0})]
    age_s = max(0.0, (now_ms - newest_ms) / 1000)
    facts = {"rows": count, "newest_ms": newest_ms, "newest_age_seconds": age_s}
    return [Finding("clickhouse", healthy=True, says=f"newest click arrived {_age(age_s)} ago", facts=facts)]


async def _spool(running: Running) -> list[Finding]:
    answer = await http.get(running.admin_host, running.admin_port, "/metrics", timeout_s=_TIMEOUT_S)
    name = f"spool {running.process}"
    if answer.status != 200:
        return [Finding(name, healthy=False, says=f"unknown: /metrics of {running.process} does not answer")]
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(answer.body.decode("utf-8", "replace")):
        for sample in family.samples:
            values[sample.name] = values.get(sample.name, 0.0) + sample.value
    size, oldest_s = values.get("guidestream_spool_bytes", 0.0), values.get("guidestream_spool_oldest_seconds", 0.0)
    dropped = values.get("guidestream_spool_dropped_total", 0.0)
    says = f"{int(size)} bytes wait, the oldest for {_age(oldest_s)}" if size else "empty"
    says += f"; {int(dropped)} events were DROPPED" if dropped else ""
    facts = {"bytes": int(size), "oldest_seconds": oldest_s, "dropped": int(dropped)}
    return [Finding(name, oldest_s < STALE_S and not dropped, says, facts)]


def _age(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
