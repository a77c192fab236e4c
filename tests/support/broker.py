"""A real Kafka broker for the whole test session."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pytest

from stream.base import runfile
from stream.base.settings import PREFIX, Settings, load
from stream.base.topics import delete_topics, ensure_topics
from stream.embedded.lifeline import die_with_parent


def start(
    command: str,
    environ: dict[str, str],
    log_file: Path,
    module: str = "stream",
    *,
    under: Sequence[str] = (),
) -> subprocess.Popen[bytes]:
    """Start `guidestream COMMAND` with these settings alone, `under` another command; it dies with the test run."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    with log_file.open("ab") as output:
        return subprocess.Popen(
            [*under, sys.executable, "-m", module, *command.split()],
            env=inherited | environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - the function calls prctl and returns
        )


def wait_ready(process: subprocess.Popen[bytes], settings: Settings, name: str, log_file: Path) -> runfile.Running:
    """Wait for the run file; fails with the log when the process ends or takes too long."""
    deadline = time.monotonic() + 180  # the very first start downloads Kafka
    while (running := runfile.read(settings, name)) is None or running.pid != process.pid:
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"guidestream {name} is not ready:\n{log_file.read_text(errors='replace')[-4000:]}")
        time.sleep(0.02)
    return running


def stop(process: subprocess.Popen[bytes], *, deadline_s: float = 30) -> int:
    """SIGTERM, then SIGKILL after the deadline; the exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(deadline_s)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a broker of this session; tests keep apart by topic prefix."""
    directory = tmp_path_factory.mktemp("broker")
    environ = {"GUIDESTREAM_DATA_DIR": str(directory), "GUIDESTREAM_BROKER_PORT": "0"}
    log_file = directory / "broker.log"
    process = start("broker", environ, log_file)
    try:
        running = wait_ready(process, load(environ), "broker", log_file)
        yield f"{running.host}:{running.port}"
    finally:
        stop(process)


@pytest.fixture
async def kafka_topics(kafka_settings: Settings) -> AsyncIterator[Settings]:
    """`kafka_settings` with its topics there; they are deleted afterwards."""
    await ensure_topics(kafka_settings)
    yield kafka_settings
    async with asyncio.timeout(30):
        await delete_topics(kafka_settings)
