"""Run files: where a process of this machine says that it is ready, its pid and its ports.

`<data.dir>/run/<process>.json`, written when the process is ready and removed when it stops cleanly. What a killed
process left behind is not believed: the pid must live and have started when the file says it did, because pids are
used again.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from stream.base.clock import wall_clock
from stream.base.settings import Settings

_OWN_FIELDS = frozenset({"process", "pid", "started", "ready_ms"})


@dataclass(frozen=True, slots=True)
class Running:
    """A process that is ready. Addresses that it does not have are empty and 0."""

    process: str
    pid: int
    ready_ms: int
    host: str = ""
    port: int = 0
    admin_host: str = ""
    admin_port: int = 0
    more: dict[str, str | int] = field(default_factory=dict)
    """Whatever else it published."""


def path(settings: Settings, process: str) -> Path:
    """The run file of a process, whether it is there or not."""
    return settings.data.dir / "run" / f"{process}.json"


def publish(settings: Settings, process: str, **fields: str | int) -> Path:
    """Say that this very process is ready. The file appears whole or not at all.

    Args:
        settings: names the data directory.
        process: the name of the command: edge, worker, broker, ...
        fields: `host`, `port`, `admin_host`, `admin_port`, and what else others may want to know; no secrets.
    """
    pid = os.getpid()
    own = {"process": process, "pid": pid, "started": _started(pid), "ready_ms": wall_clock()}
    target = path(settings, process)
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_suffix(f".{pid}.tmp")
    scratch.write_bytes(orjson.dumps(own | fields))
    scratch.replace(target)
    return target


def read(settings: Settings, process: str) -> Running | None:
    """The process, if it is ready and alive; None when there is no file, no such pid, or no sense in the file."""
    try:
        found = orjson.loads(path(settings, process).read_bytes())
        own = {"process": str(found["process"]), "pid": int(found["pid"]), "ready_ms": int(found["ready_ms"])}
        if _started(own["pid"]) != found["started"]:
            return None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    known = {name: found[name] for name in ("host", "port", "admin_host", "admin_port") if name in found}
    more = {name: value for name, value in found.items() if name not in _OWN_FIELDS and name not in known}
    return Running(**own, **known, more=more)


def remove(settings: Settings, process: str) -> None:
    """Take back what this very process published; a file of another process with that name stays."""
    target = path(settings, process)
    with suppress(OSError, ValueError, KeyError, TypeError):
        if orjson.loads(target.read_bytes())["pid"] == os.getpid():
            target.unlink()


def _started(pid: int) -> int:
    """When the process started, in clock ticks since boot; FileNotFoundError when it does not live."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    # The second field is the name in parentheses, which may hold anything; the start time is the 22nd.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], int(fields[19])
    if state in "ZX":
        raise FileNotFoundError(f"process {pid} is dead")
    return started
