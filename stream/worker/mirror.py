"""Waiting for the mirror of the registry: credit is decided once, so a database made anew must know the links first."""

import asyncio
from collections.abc import Callable
from typing import Final

from stream.base import log
from stream.sink import registry_mirror
from stream.worker.lane import Lane
from stream.worker.sink import Sink

_BEHIND: Final = 500
"""Records by which a mirror may be behind at rest: salts, counters and transaction marks are not in it."""
_QUIET_S: Final = 3.0
"""A mirror that got no further for so long has all there is for it."""
_LOOK_S: Final = 0.1
_logger = log.get(__name__)


async def filled(sink: Sink, end: int, mine: Callable[[], Lane | None]) -> None:
    """Return when the mirror is not far behind the topic's end, or gets no further.

    Args:
        sink: ClickHouse.
        end: where the registry topic ended when this was called.
        mine: the lane that fills the mirror, if it is one of this process; another worker's is seen by its rows alone.
    """
    reached = await sink.ask("registry_reached", registry_mirror.reached)
    if not end or (reached >= 0 and end - reached <= _BEHIND):
        return
    _logger.info("waiting for the mirror of the registry", reached=reached, end=end)
    quiet_s, before = 0.0, -1
    while quiet_s < _QUIET_S:
        await asyncio.sleep(_LOOK_S)
        lane = mine()
        if lane is None:
            reached = await sink.ask("registry_reached", registry_mirror.reached)
        elif lane.next_offset >= end - 1:  # the last record of all may be the mark of a transaction
            return
        else:
            reached = lane.next_offset
        # One that has not begun yet is not quiet.
        quiet_s = 0.0 if reached != before or (lane and not lane.ready) else quiet_s + _LOOK_S
        before = reached
