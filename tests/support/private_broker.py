"""A broker of one test's own, which the test may kill, freeze and start again."""

import contextlib
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stream.base.settings import load
from tests.support.broker import start, wait_ready


class PrivateBroker:
    """A broker that a test may kill."""

    def __init__(self, environ: dict[str, str], directory: Path) -> None:
        self._environ, self._log = environ, directory / "broker.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether it was started and not killed since."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, for the first time or again, and wait until it is ready."""
        self._process = start("broker", self._environ, self._log)
        wait_ready(self._process, load(self._environ), "broker", self._log)

    def family(self) -> list[psutil.Process]:
        """Its processes, children first."""
        assert isinstance(self._process, subprocess.Popen)
        own = psutil.Process(self._process.pid)
        return [*own.children(recursive=True), own]

    def kill(self) -> None:
        """kill -9, and wait for it to be gone."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert isinstance(self._process, subprocess.Popen)
        self._process.wait()

    def freeze(self) -> None:
        """SIGSTOP: connections stay, nothing answers."""
        for process in self.family():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        for process in self.family():
            process.send_signal(signal.SIGCONT)


@pytest.fixture
def private_broker(environ: dict[str, str], tmp_path: Path) -> Iterator[PrivateBroker]:
    """Not started yet; `environ` leads to it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ |= {
        "GUIDESTREAM_BROKER_PORT": str(port),
        "GUIDESTREAM_KAFKA_BOOTSTRAP": f"127.0.0.1:{port}",
        "GUIDESTREAM_SPOOL_SEND_TIMEOUT_MS": "1500",
    }
    broker = PrivateBroker(environ, tmp_path)
    yield broker
    if broker.runs:
        broker.kill()
