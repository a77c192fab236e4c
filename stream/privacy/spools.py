"""The spools of this machine: waited for before somebody is erased, and scrubbed after it."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Final

from stream.base.errors import UnavailableError
from stream.base.settings import Settings
from stream.spool import scrub

_LOOK_S: Final = 0.1


async def shipped(settings: Settings, wait_s: float) -> None:
    """Wait until Kafka has what lies in the spools now; what comes in meanwhile need not be there.

    Raises:
        UnavailableError: it has not, after so long.
    """
    ends = {directory: scrub.end_of(directory) for directory in _directories(settings)}
    try:
        async with asyncio.timeout(wait_s):
            while ends:
                ends = {directory: end for directory, end in ends.items() if not scrub.shipped(directory, end)}
                if ends:
                    await asyncio.sleep(_LOOK_S)
    except TimeoutError as error:
        waiting = ", ".join(map(str, ends))
        raise UnavailableError(
            f"events wait in {waiting}, and some may be of this person: let the process run that owns it until "
            "`guidestream spool inspect` shows that nothing waits, then run this again"
        ) from error


def scrubbed(settings: Settings, words: Collection[str]) -> int:
    """Overwrite what is still on disk of records that Kafka has and that hold one of the words; returns how many."""
    return sum(scrub.scrub(directory, [word.encode() for word in words]) for directory in _directories(settings))


def _directories(settings: Settings) -> list[Path]:
    root = settings.data.dir / "spool"
    return sorted(path for path in root.iterdir() if any(path.glob("*.seg"))) if root.is_dir() else []
