"""The spools of this machine: waited for before somebody is erased, and scrubbed after it."""

import asyncio
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

from schemas.token import TEXT_LENGTH
from stream.base.errors import UnavailableError
from stream.base.settings import Settings
from stream.sink.erasing_letters import Names
from stream.spool import scrub

_LOOK_S: Final = 0.1
_CLICK: Final = re.compile(rb"(?<![0-9A-Za-z_-])[0-9A-Za-z_-]{%d}(?![0-9A-Za-z_-])" % TEXT_LENGTH)


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


def scrubbed(settings: Settings, names: Names) -> int:
    """Overwrite what is still on disk of records that Kafka has and that name somebody; returns how many."""
    clicks = frozenset(map(str.encode, names.clicks))
    forms = [form.encode() for form in names.forms]
    return sum(
        # Clicks may be many: looked for are those that are there.
        scrub.scrub(directory, [*forms, *(_clicks_in(directory, clicks) if clicks else ())])
        for directory in _directories(settings)
    )


def _clicks_in(directory: Path, known: Collection[bytes]) -> set[bytes]:
    """Which of these ids are in the segments."""
    found = set[bytes]()
    for path in directory.glob("*.seg"):
        with suppress(FileNotFoundError):  # shipped and deleted meanwhile
            found |= {match[0] for match in _CLICK.finditer(path.read_bytes()) if match[0] in known}
    return found


def _directories(settings: Settings) -> list[Path]:
    root = settings.data.dir / "spool"
    return sorted(path for path in root.iterdir() if any(path.glob("*.seg"))) if root.is_dir() else []
