"""`guidestream up`: everything on this machine until Ctrl-C."""

from pathlib import Path

from stream.base import log, runfile
from stream.base.errors import UnavailableError
from stream.base.settings import Settings
from stream.embedded import machine, prometheus
from stream.embedded.ports import reachable, with_free_ports
from stream.embedded.supervisor import Supervisor

_log = log.get(__name__)


async def run(settings: Settings) -> None:
    """Start all processes, keep them running, stop them on SIGTERM, SIGINT or SIGHUP.

    Raises:
        UnavailableError: it runs on this data directory already.
        GaveUpError: a process could not be started; quotes its last lines.
    """
    other = runfile.read(settings, "up")
    if other is not None:
        raise UnavailableError(
            f"guidestream up runs on {settings.data.dir} already (pid {other.pid}): stop it, or give this one a "
            "GUIDESTREAM_DATA_DIR of its own"
        )
    settings = with_free_ports(settings)
    runfile.publish(settings, "up")
    try:
        program = _prometheus(settings)
        supervisor = Supervisor(machine.processes(settings, prometheus_program=program))
        await supervisor.run(
            when_ready=lambda: _say_where_to_look(settings, with_prometheus=program is not None),
        )
    finally:
        runfile.remove(settings, "up")


def _prometheus(settings: Settings) -> Path | None:
    found = prometheus.program(settings)
    if found is None and settings.prometheus.program:
        _log.warning(
            "Prometheus was not found and is not started; everything else is",
            program=settings.prometheus.program,
            fix="install it (Debian: apt-get install prometheus), or set GUIDESTREAM_PROMETHEUS_PROGRAM to its path",
        )
    return found


def _say_where_to_look(settings: Settings, *, with_prometheus: bool) -> None:
    places = {
        "short links": settings.edge.public_url,
        "api": f"http://{reachable(settings.api.host, settings.api.port)}",
        "clickhouse": settings.clickhouse.url,
        "kafka": settings.kafka.bootstrap,
        "edge metrics": f"http://{reachable(settings.edge.admin_host, settings.edge.admin_port)}/metrics",
        "worker metrics": f"http://{reachable(settings.worker.metrics_host, settings.worker.metrics_port)}/metrics",
        "api metrics": f"http://{reachable(settings.api.admin_host, settings.api.admin_port)}/metrics",
    }
    if with_prometheus:
        places["prometheus"] = f"http://{prometheus.HOST}:{settings.prometheus.port}"
    for what, where in places.items():
        _log.info("look here", what=what, where=where)
