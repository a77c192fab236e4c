"""What waits in a spool: read from its files alone, so it works beside the processes that own it."""

from dataclasses import dataclass
from pathlib import Path

from stream.spool import cursor, segments
from stream.spool.cursor import Cursor
from stream.spool.frame import HEADER_BYTES
from stream.spool.reader import Reader
from stream.spool.segments import Position


@dataclass(frozen=True, slots=True)
class Survey:
    """A look at a spool directory."""

    cursor: Cursor
    sizes: dict[int, int]
    """Bytes of each segment."""
    waiting_bytes: int
    """Not acknowledged by Kafka; 0 when nothing waits."""
    oldest_ms: int | None
    """When the oldest record that waits was appended, milliseconds since 1970 UTC."""


def survey(directory: Path) -> Survey:
    """Look at a spool directory; cheap enough for every second.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    at = cursor.load(directory)
    sizes = segments.sizes(directory)
    waiting = 0
    for number, size in sizes.items():
        if number >= at.acked.segment:
            begin = at.acked.offset if number == at.acked.segment else 0
            waiting += max(0, size - max(begin, HEADER_BYTES))
    return Survey(at, sizes, waiting, _oldest(directory, at.acked) if waiting else None)


def _oldest(directory: Path, position: Position) -> int | None:
    reader = Reader(directory, position)
    try:
        first = reader.read(stop=Position(position.segment, max(position.offset, HEADER_BYTES) + 1))
    except FileNotFoundError:  # shipped and deleted meanwhile
        return None
    finally:
        reader.close()
    return first.records[0][2] if first.records else None
