"""A command that a peer keeps waiting says so, once, on standard error; those that are answered soon say nothing."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer
from typing import TYPE_CHECKING, Final

from stream.base.settings import Settings
from stream.base.terminal import printable

if TYPE_CHECKING:
    from stream.sink.clickhouse import ClickHouse

_QUIET_S: Final = 3.0


@contextmanager
def waiting(what: str, limit_s: float) -> Iterator[None]:
    """Say what is waited for when it takes longer than a few seconds.

    Args:
        what: for people, to go behind "waiting for".
        limit_s: after so many seconds without an answer whoever waits gives up.
    """
    # A thread's: what is waited for may hold up the event loop, or run before there is one.
    timer = Timer(_QUIET_S, _say, [f"waiting for {what}, {limit_s:g} s at most"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def kafka(current: Settings) -> str:
    """Kafka, as something that is waited for."""
    return f"an answer of Kafka at {current.kafka.bootstrap}"


async def connected(current: Settings, *, timeout_ms: int | None = None, database: str | None = None) -> "ClickHouse":
    """`ClickHouse.connect`, waited for in this way."""
    from stream.sink.clickhouse import ClickHouse  # noqa: PLC0415 - the command line loads only what it runs

    limit_s = (timeout_ms or current.clickhouse.timeout_ms) / 1000
    with waiting(f"an answer of ClickHouse at {current.clickhouse.url}", limit_s):
        return await ClickHouse.connect(current, database=database, timeout_ms=timeout_ms)


def _say(text: str) -> None:
    print(printable(f"guidestream: {text}"), file=sys.stderr, flush=True)  # noqa: T201 - the command line speaks
