"""The life of the embedded broker: format once, start, wait until it answers, stop with a deadline."""

import base64
import fcntl
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stream.base import kafka, log, runfile
from stream.base.errors import GuidestreamError, SettingsError, UnavailableError
from stream.base.settings import Settings
from stream.embedded.broker import jars
from stream.embedded.broker.config import HOST, PROPERTIES, Node
from stream.embedded.broker.jvm import Jvm, runtime
from stream.embedded.lifeline import stop_signals

MIN_FREE_BYTES = 256 * 2**20
"""Kafka stops for good when its disk is full; below this it would not get far."""
START_S = 120.0
"""A start on a busy machine with much to recover; usually 1.5 s."""
STOP_S = 20.0
"""A clean stop takes 0.3 s; after this it is killed, which costs the next start a recovery and no data."""
LOCK_S = 2.0
"""How long the JVM of a broker that was killed may take to vanish."""

_log = log.get(__name__)


def serve(settings: Settings, *, cache: Path | None = None) -> None:
    """Run the broker until SIGTERM, SIGINT or SIGHUP. For the main thread of a process of its own.

    Raises:
        SettingsError: the port is taken.
        UnavailableError: the jars could not be fetched, the disk is full, or the data is in use.
        GuidestreamError: the broker ended by itself; quotes the end of its log.
    """
    directory = (settings.data.dir / "broker").absolute()
    directory.mkdir(parents=True, exist_ok=True)
    check_space(directory, shutil.disk_usage(directory).free)
    with _only_one(directory) as held:
        node = Node(directory, port=_free_port(settings.broker.port), controller_port=_free_port(0))
        jvm = Jvm(
            java=runtime(),
            class_path=jars.class_path(cache or jars.default_cache()),
            heap_mib=settings.broker.heap_mib,
            held=held,
        )
        # From here on a signal waits until it is asked for, so none can come between start and clean-up.
        signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals() | {signal.SIGCHLD})
        node.write_configuration()
        _format_once(node, jvm)
        _run(settings, node, jvm)


def check_space(directory: Path, free_bytes: int) -> None:
    """Refuse to start on a full disk."""
    if free_bytes < MIN_FREE_BYTES:
        raise UnavailableError(
            f"{directory} has {free_bytes // 2**20} MiB left and the broker needs {MIN_FREE_BYTES // 2**20}: make "
            "room, or set GUIDESTREAM_DATA_DIR to a larger disk"
        )


@contextmanager
def _only_one(directory: Path) -> Iterator[int]:
    """Hold the directory's lock; yields its file descriptor, which the JVM inherits and so holds to its end."""
    deadline = time.monotonic() + LOCK_S
    with (directory / "lock").open("w") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise UnavailableError(
                        f"a broker runs on {directory} already: stop it, or give this one a GUIDESTREAM_DATA_DIR of "
                        "its own"
                    ) from error
                time.sleep(0.05)
        yield file.fileno()


def _free_port(wanted: int) -> int:
    """The wanted port after a look that nobody has it, or a free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError as error:
            raise SettingsError(
                f"the broker cannot listen on {HOST}:{wanted} ({error.strerror}): stop what does, or set "
                f"GUIDESTREAM_BROKER_PORT to a free port and GUIDESTREAM_KAFKA_BOOTSTRAP to {HOST}:PORT"
            ) from error
        port: int = probe.getsockname()[1]
        return port


def _format_once(node: Node, jvm: Jvm) -> None:
    """Give the data directory its cluster id, which it keeps for life."""
    if (node.data / "meta.properties").exists():  # Kafka writes it last
        return
    shutil.rmtree(node.data, ignore_errors=True)  # a format that was interrupted: there is no data without that file
    cluster_id = new_cluster_id(lambda: uuid.uuid4().bytes)
    with (node.logs / "format.log").open("w+b") as output:
        tool = jvm.start(node, "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", PROPERTIES, output=output)
        if tool.wait(START_S):
            output.seek(0)
            raise GuidestreamError(f"formatting {node.data} failed:\n{output.read()[-2000:].decode(errors='replace')}")
    _log.info("formatted", cluster_id=cluster_id)


def new_cluster_id(draw: Callable[[], bytes]) -> str:
    """A cluster id as Kafka makes them: 16 bytes in base64url, not one that looks like an option of a command."""
    while True:
        text = base64.urlsafe_b64encode(draw()).decode().rstrip("=")
        if not text.startswith("-"):
            return text


def _run(settings: Settings, node: Node, jvm: Jvm) -> None:
    began = time.monotonic()
    with (node.logs / "stdout.log").open("wb") as output:
        broker = jvm.start(node, "kafka.Kafka", PROPERTIES, output=output)
    try:
        if not _until_it_answers(node, broker):
            return
        runfile.publish(settings, "broker", host=HOST, port=node.port)
        _log.info("ready", host=HOST, port=node.port, seconds=round(time.monotonic() - began, 2), jvm=broker.pid)
        while not _asked_to_stop(node, broker, timeout_s=3600):
            pass
    finally:
        _stop(broker)
        runfile.remove(settings, "broker")
    _log.info("stopped")


def _until_it_answers(node: Node, broker: subprocess.Popen[bytes]) -> bool:
    """False when a signal asks to stop before it was ready."""
    deadline = time.monotonic() + START_S
    while not kafka.answers(HOST, node.port):
        if time.monotonic() > deadline:
            raise UnavailableError(f"the broker did not answer within {START_S:.0f} s\n{last_words(node)}")
        if _asked_to_stop(node, broker, timeout_s=0.05):
            return False
    return True


def _asked_to_stop(node: Node, broker: subprocess.Popen[bytes], *, timeout_s: float) -> bool:
    """Wait for a signal: True when it asks to stop, False otherwise; raises when the JVM has ended."""
    received = signal.sigtimedwait(stop_signals() | {signal.SIGCHLD}, timeout_s)
    if broker.poll() is not None:
        raise GuidestreamError(f"the broker ended by itself (exit code {broker.returncode})\n{last_words(node)}")
    return received is not None and received.si_signo != signal.SIGCHLD


def _stop(broker: subprocess.Popen[bytes]) -> None:
    if broker.poll() is not None:
        return
    broker.terminate()
    try:
        broker.wait(STOP_S)
    except subprocess.TimeoutExpired:
        _log.warning("the broker did not stop in time and was killed", deadline_s=STOP_S)
        broker.kill()
        broker.wait()


def last_words(node: Node) -> str:
    """What the node's log says went wrong: the last errors, else the last lines; and what to do, where it is known."""
    lines = [line for name in ("kafka.log", "stdout.log") for line in _tail(node.logs / name)]
    errors = [
        line for line in lines if " ERROR " in line or " FATAL " in line or "Exception" in line or "Error:" in line
    ]
    words = [f"  {line[:500]}" for line in (errors or lines)[-8:]]
    if any("No space left on device" in line for line in errors):
        words.append("  the disk is full: make room, or set GUIDESTREAM_DATA_DIR to a larger one")
    if any("OutOfMemoryError" in line for line in errors):
        words.append("  the heap is too small: raise GUIDESTREAM_BROKER_HEAP_MIB")
    return "\n".join([*words, f"  all of it: {node.logs}"])


def _tail(path: Path, size: int = 65_536) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
