"""A real Prometheus of the test's own, and an exporter that shows the whole metric catalogue, growing."""

import json
import shutil
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from stream.embedded.lifeline import die_with_parent
from stream.sink.stage_shares import STAGES
from tests.support.metrics import CATALOGUE, RULES

_LABEL_VALUES = {
    "window": ("5m", "1h", "day"),
    "topic": ("clicks",),
    "partition": ("0", "1"),
    "type": STAGES,
    "fate": ("accepted", "rejected"),
    "outcome": ("hit", "outcome-1"),
}


class Exporter:
    """All metrics of the catalogue with plausible labels, in a registry of their own; each scrape sees more."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._metrics = [
            type(metric)(metric._name, metric._documentation, metric._labelnames, registry=self._registry)
            for metric in CATALOGUE.values()
        ]

    def scrape(self) -> bytes:
        """One scrape's text."""
        for metric in self._metrics:
            for child in self._children(metric):
                if isinstance(child, Counter):
                    child.inc(10)
                elif isinstance(child, Histogram):
                    child.observe(0.3)
                elif isinstance(child, Gauge):
                    child.set(7)
        return generate_latest(self._registry)

    @staticmethod
    def _children(metric: Any) -> list[Any]:
        combinations: list[dict[str, str]] = [{}]
        for name in metric._labelnames:
            values = _LABEL_VALUES.get(name, (f"{name}-1",))
            combinations = [one | {name: value} for one in combinations for value in values]
        return [metric.labels(**labels) if labels else metric for labels in combinations]


@contextmanager
def exporting() -> Iterator[str]:
    """Serve an exporter; gives host:port."""
    exporter = Exporter()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exporter.scrape()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Prometheus:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of one API answer; raises on HTTP errors."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        with urllib.request.urlopen(f"{self._url}/api/v1/{path}{query}", timeout=10) as answer:  # noqa: S310 - our own
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query."""
        result: list[dict[str, Any]] = self.get("query", query=expression)["result"]
        return result


@contextmanager
def running(directory: Path, target: str, port: int) -> Iterator[Prometheus]:
    """Run Prometheus with our rules, every second, scraping `target` as edge and as worker."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.fail("prometheus is not installed: run `make test` as root once, or install Debian's package prometheus")
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(_hurried(path, directory)) for path in RULES],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [target], "labels": {"instance": f"{job}-1"}}]}
            for job in ("edge", "worker")
        ],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - the function calls prctl and returns
        )
    try:
        prometheus = Prometheus(port)
        _wait_until_ready(process, port, directory / "prometheus.log")
        yield prometheus
    finally:
        process.terminate()
        process.wait(20)


def _hurried(path: Path, directory: Path) -> Path:
    """A copy of a rule file whose groups are evaluated every second."""
    content = yaml.safe_load(path.read_text())
    for group in content["groups"]:
        group["interval"] = "1s"
    copy = directory / path.name
    copy.write_text(yaml.safe_dump(content))
    return copy


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"Prometheus is not ready:\n{log.read_text()[-4000:]}")
            time.sleep(0.05)
        else:
            return
