"""What an import's spool still holds, and waiting for it to be shipped."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stream.base.errors import UnavailableError
from stream.spool import survey

_LOOK_SECONDS: Final = 0.1
_FULL_SHARE: Final = 0.75
"""An import waits before the spool is full: what does not fit into a full one counts as dropped."""


class Backlog:
    """The spool below `directory`, whose cap is `max_bytes`; `patience_s`: how long nothing may be shipped."""

    def __init__(self, directory: Path, *, max_bytes: int, patience_s: float) -> None:
        self._directory, self._max_bytes, self._patience_s = directory, max_bytes, patience_s

    @property
    def waiting_bytes(self) -> int:
        """What Kafka has not acknowledged."""
        return survey.survey(self._directory).waiting_bytes

    async def room(self) -> None:
        """Wait until the spool is less than three quarters full.

        Raises:
            UnavailableError: nothing was shipped for too long.
        """
        if not await self._until(self._has_room, lambda _: None):
            raise UnavailableError(
                f"the spool is full and Kafka took nothing for {self._patience_s:g} s; import the file again when "
                "Kafka is there: it goes on where it was"
            )

    async def empty(self, told: Callable[[int], None]) -> bool:
        """Wait until all is shipped; False when nothing was for too long. `told` hears how many bytes wait."""
        return await self._until(lambda: not self.waiting_bytes, told)

    def _has_room(self) -> bool:
        return sum(survey.survey(self._directory).sizes.values()) < self._max_bytes * _FULL_SHARE

    async def _until(self, done: Callable[[], bool], told: Callable[[int], None]) -> bool:
        least, since = -1, time.monotonic()
        while not done():
            waiting = self.waiting_bytes
            told(waiting)
            if least < 0 or waiting < least:
                least, since = waiting, time.monotonic()
            elif time.monotonic() - since > self._patience_s:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
        return True
