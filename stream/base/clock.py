"""The only module that reads the clock; everything else takes `now_ms` as an argument or is handed a `Clock`."""

import time
from collections.abc import Callable

Clock = Callable[[], int]
"""Milliseconds since 1970-01-01 UTC."""


def wall_clock() -> int:
    """Milliseconds since 1970-01-01 UTC, as this machine's clock has it."""
    return time.time_ns() // 1_000_000  # noqa: TID251 - this is the one place
