"""What runs on one machine, and in which order it comes up::

    broker ---> topics ----+--> edge
                           +--> api -----+
    warehouse -> migrate --+--> worker --+--> (prometheus)

A broker or warehouse whose address is set to somebody else's is not started; its topics or schema are still made.
"""

import os
import sys
from pathlib import Path

from stream.base import runfile
from stream.base.settings import PREFIX, Settings, environment
from stream.embedded import prometheus
from stream.embedded.ports import uses_broker, uses_warehouse
from stream.embedded.supervisor import Process

_SLACK_S = 5.0
"""Beyond a process's own deadline to drain, before it is killed."""
_API_ANSWERS_S = 5.0
"""What its answers under way may take before it drains."""


def processes(settings: Settings, *, prometheus_program: Path | None = None) -> tuple[Process, ...]:
    """All processes of this machine. Ports must be known (`with_free_ports`); so with Prometheus where it is given."""
    kafka: tuple[str, ...] = ()
    clickhouse: tuple[str, ...] = ()
    found: list[Process] = []
    if uses_broker(settings):
        found.append(guidestream(settings, "broker", stop_s=30))
        kafka = ("broker",)
    if uses_warehouse(settings):
        found.append(guidestream(settings, "warehouse", stop_s=30))
        clickhouse = ("warehouse",)
    # As edge and worker name their run files, of which a machine may have several.
    edge = f"edge-{settings.edge.number}" if settings.edge.number else "edge"
    worker = runfile.worker_name(settings.worker.instance)
    found += [
        guidestream(settings, "topics", "--apply", after=kafka, once=True),
        guidestream(settings, "migrate", after=clickhouse, once=True),
        guidestream(settings, "edge", name=edge, after=("topics",), stop_s=settings.edge.drain_ms / 1000 + _SLACK_S),
        guidestream(
            settings,
            "api",
            after=("topics", "migrate"),
            stop_s=_API_ANSWERS_S + settings.intake.drain_ms / 1000 + _SLACK_S,
        ),
        guidestream(
            _as_only_worker(settings),
            "worker",
            name=worker,
            after=("topics", "migrate"),
            stop_s=settings.worker.drain_ms / 1000 + _SLACK_S,
        ),
    ]
    if prometheus_program is not None:
        found.append(_prometheus(settings, prometheus_program, after=(edge, worker)))
    return tuple(found)


def guidestream(
    settings: Settings,
    command: str,
    *arguments: str,
    name: str = "",
    after: tuple[str, ...] = (),
    once: bool = False,
    stop_s: float = 15.0,
) -> Process:
    """One of our own commands, ready when it has published its run file."""
    name = name or command

    async def published(pid: int) -> bool:
        running = runfile.read(settings, name)
        return running is not None and running.pid == pid

    return Process(
        name=name,
        command=(sys.executable, "-m", "stream", command, *arguments),
        environ=_environ(settings),
        after=after,
        once=once,
        ready=published,
        stop_s=stop_s,
    )


def _as_only_worker(settings: Settings) -> Settings:
    """With a member name that lives on: a killed worker is back at once, and need not wait for its own session to end.

    Not with a Kafka of several machines, where two of the same name would shut each other out.
    """
    if settings.worker.instance or not uses_broker(settings):
        return settings
    return settings.model_copy(update={"worker": settings.worker.model_copy(update={"instance": runfile.ONLY_WORKER})})


def _prometheus(settings: Settings, program: Path, *, after: tuple[str, ...]) -> Process:
    async def answers(_pid: int) -> bool:
        return await prometheus.is_ready(settings)

    return Process(
        name="prometheus",
        command=prometheus.command(settings, program),
        environ=_environ(settings),
        after=after,
        ready=answers,
        optional=True,  # its port is often taken by another Prometheus, and no number depends on it
    )


def _environ(settings: Settings) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return inherited | environment(settings)
