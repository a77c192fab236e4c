"""Run files: where a process of this machine says that it is ready, its pid and its ports.

`<data.dir>/run/<process>.json`, written when the process is ready and removed when it stops cleanly. What a killed
process left behind is not believed: the pid must live and have started when the file says it did, because pids are
used again.
"""

import os
from contextlib import suppress
from pathlib import Path

import msgspec

from stream.base.clock import wall_clock
from stream.base.settings import Settings


class Running(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process that is ready. Addresses that it does not have are empty and 0."""

    process: str
    pid: int
    started: int
    """Clock ticks from boot to the start of the process; with `pid` it names one process for ever."""
    ready_ms: int
    host: str = ""
    port: int = 0
    admin_host: str = ""
    """Where /healthz, /readyz and /metrics are, if it has them."""
    admin_port: int = 0


ONLY_WORKER = "worker"
"""The instance of a worker that is the only one of its machine: a static member, and known as plain `worker`."""


def worker_name(instance: str) -> str:
    """What a worker is called; several of one machine are told apart by their instances."""
    return "worker" if instance in ("", ONLY_WORKER) else f"worker-{instance}"


def path(settings: Settings, process: str) -> Path:
    """The run file of a process, whether it is there or not."""
    return settings.data.dir / "run" / f"{process}.json"


def publish(
    settings: Settings, process: str, *, host: str = "", port: int = 0, admin_host: str = "", admin_port: int = 0
) -> Path:
    """Say that this very process is ready, and where. The file appears whole or not at all."""
    pid = os.getpid()
    running = Running(process, pid, _started(pid), wall_clock(), host, port, admin_host, admin_port)
    target = path(settings, process)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(f".{pid}.tmp")
    scratch.write_bytes(msgspec.json.encode(running))
    scratch.replace(target)
    return target


def read(settings: Settings, process: str) -> Running | None:
    """The process, if it is ready and alive; None when there is no file, no sense in it, or no such process now."""
    try:
        running = msgspec.json.decode(path(settings, process).read_bytes(), type=Running)
        return running if _started(running.pid) == running.started else None
    except (OSError, msgspec.DecodeError):
        return None


def remove(settings: Settings, process: str) -> None:
    """Take back what this very process published; a file of another process stays."""
    running = read(settings, process)
    if running is not None and running.pid == os.getpid():
        with suppress(FileNotFoundError):
            path(settings, process).unlink()


def _started(pid: int) -> int:
    """When the process started, in clock ticks since boot; FileNotFoundError when it does not live."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    # The second field is the name in parentheses, which may hold anything; state is the third, the start the 22nd.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], int(fields[19])
    if state in "ZX":
        raise FileNotFoundError(f"process {pid} is dead")
    return started
