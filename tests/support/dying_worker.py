"""A worker that kills itself between two steps of the batch order: `python -m tests.support.dying_worker worker`.

It works like any other until the file that `DIE_AT` names appears; that names the point, and how many calls to let
pass. The calls are wrapped from here: production code knows nothing of it.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.topics import ATTRIBUTED, CONVERSIONS
from stream.cli.main import run
from stream.worker.attributed import Attributed
from stream.worker.sink import Sink
from stream.worker.transport import Consumer

VARIABLE = "DIE_AT"
Matches = Callable[..., bool]


def _into(table: str) -> Matches:
    return lambda into, *_: into == table


def _some(records: Any) -> bool:
    return bool(records)


def _of_conversions(offsets: Any) -> bool:
    return any(tp.topic.endswith(CONVERSIONS) for tp in offsets)


POINTS: dict[str, tuple[type, str, Matches, bool]] = {
    "before raw rows": (Sink, "insert", _into(CONVERSIONS), False),
    "after raw rows": (Sink, "insert", _into(CONVERSIONS), True),
    "after aliases": (Sink, "insert", _into("customer_aliases"), True),
    "after customers": (Sink, "insert", _into("customer_states"), True),
    "after windows": (Sink, "insert", _into("conversion_windows"), True),
    f"before {ATTRIBUTED}": (Attributed, "send", _some, False),
    f"after {ATTRIBUTED}": (Attributed, "send", _some, True),
    "after the commit": (Consumer, "_commit", _of_conversions, True),
}
"""Whose method, for which arguments, and whether the kill comes after it."""


def arm(file: Path, point: str, calls: int) -> None:
    """Let the worker die at its so-many-th call from now on that matches a point."""
    scratch = file.with_suffix(".new")
    scratch.write_text(f"{calls} {point}")
    scratch.rename(file)


def _wrap(point: str, file: Path) -> None:
    kind, name, matches, after = POINTS[point]
    real = getattr(kind, name)
    seen = 0

    def due(*args: Any) -> bool:
        nonlocal seen
        if not file.exists() or not matches(*args):
            return False
        calls, _, wanted = file.read_text().partition(" ")
        seen += wanted == point
        return wanted == point and seen >= int(calls)

    async def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        die = due(*args)
        if die and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await real(self, *args, **kwargs)
        if die:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(kind, name, call)


if __name__ == "__main__":
    for one in POINTS:
        _wrap(one, Path(os.environ[VARIABLE]))
    run()
