"""What waits in a spool: read from its files alone, so it works beside the processes that own it."""

from dataclasses import dataclass
from pathlib import Path

from stream.spool import cursor, segments
from stream.spool.cursor import Cursor
from stream.spool.frame import HEADER_BYTES, Record
from stream.spool.reader import SMALLEST_WINDOW_BYTES, Reader
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


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that waits, read through."""

    records: int
    damaged_bytes: int
    """Covered by no valid record: kill -9 leaves a few, a broken disk more."""
    maybe_sent: int
    """Records that will be sent marked, because an earlier shipper may have sent them."""
    first: list[Record]


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


def contents(directory: Path, at: Cursor, *, first: int = 0) -> Contents:
    """Read all that waits behind a cursor, about a second per million records; keeps the `first` records.

    Raises:
        InvariantError: a segment was written by a newer version.
    """
    reader = Reader(directory, at.acked)
    records = damaged = maybe_sent = 0
    kept: list[Record] = []
    try:
        while True:
            chunk = reader.read(stop=at.begun)
            damaged += chunk.damaged
            if not chunk.records:
                return Contents(records, damaged, maybe_sent, kept)
            kept += chunk.records[: first - len(kept)]
            records += len(chunk.records)
            maybe_sent += len(chunk.records) if chunk.start < at.begun else 0
    finally:
        reader.close()


def _oldest(directory: Path, position: Position) -> int | None:
    reader = Reader(directory, position, window_bytes=SMALLEST_WINDOW_BYTES)
    try:
        first = reader.read(stop=Position(position.segment, max(position.offset, HEADER_BYTES) + 1))
    except FileNotFoundError:  # shipped and deleted meanwhile
        return None
    finally:
        reader.close()
    return first.records[0][2] if first.records else None
