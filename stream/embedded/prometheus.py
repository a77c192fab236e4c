"""The Prometheus of one machine: Debian's program, configured below data.dir to scrape this machine's processes."""

import shutil
from pathlib import Path
from typing import Any

import orjson

import stream
from stream.base import http
from stream.base.settings import Settings
from stream.embedded.ports import reachable

HOST = "127.0.0.1"


def program(settings: Settings) -> Path | None:
    """The program, if it is there and wanted."""
    found = shutil.which(settings.prometheus.program) if settings.prometheus.program else None
    return Path(found).absolute() if found else None


def command(settings: Settings, executable: Path) -> tuple[str, ...]:
    """Write the configuration and say how to start Prometheus with it. Ports must be known (`with_free_ports`)."""
    directory = (settings.data.dir / "prometheus").absolute()
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "prometheus.yml"
    # JSON is YAML, and its quoting is not a matter of luck.
    file.write_bytes(orjson.dumps(configuration(settings, rule_files()), option=orjson.OPT_INDENT_2))
    return (
        str(executable),
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--storage.tsdb.retention.time={settings.prometheus.retention_days}d",
        f"--web.listen-address={HOST}:{settings.prometheus.port}",
        "--log.format=json",
        "--log.level=warn",
    )


def configuration(settings: Settings, rules: tuple[Path, ...]) -> dict[str, Any]:
    """What Prometheus is told; each process is a job of its own name."""
    interval = f"{settings.prometheus.scrape_seconds}s"
    targets = {
        "edge": (settings.edge.admin_host, settings.edge.admin_port),
        "worker": (settings.worker.metrics_host, settings.worker.metrics_port),
        "api": (settings.api.admin_host, settings.api.admin_port),
        "prometheus": (HOST, settings.prometheus.port),
    }
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [reachable(host, port)]}]}
            for job, (host, port) in targets.items()
        ],
    }


def rule_files() -> tuple[Path, ...]:
    """Recording and alert rules of the source tree, where there is one; an installed package has none."""
    directory = Path(stream.__file__).parents[1] / "deploy" / "prometheus"
    return tuple(path for path in sorted(directory.glob("*.yml")) if _holds_rules(path))


def _holds_rules(path: Path) -> bool:
    # Beside the rules lie their tests and a configuration for containers.
    return any(line.startswith("groups:") for line in path.read_text("utf-8").splitlines())


async def is_ready(settings: Settings) -> bool:
    """Whether it answers queries."""
    return (await http.get(HOST, settings.prometheus.port, "/-/ready")).status == 200
