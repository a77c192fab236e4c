"""How far a spool has been shipped, on disk: what Kafka has acknowledged, and what may have been sent.

`begun` runs ahead of what is handed to the producer and is durable before it: after a crash, whatever lies between
`acked` and `begun` may be in Kafka already and is sent again marked; whatever lies beyond `begun` was never sent.

`partitions` is the topic's partition count by which all in between was and is placed. A key's partition follows from
the count, which may be raised at any time; by the new one, a record sent again could land in another partition than
its original and be consumed before it, when a worker that looks for the original finds nothing yet.

The file holds two slots of one sector that are written in turn, in place: a save needs no space on a disk that is
full, which is when shipping must go on, and a torn write leaves the other slot.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from stream.spool import segments
from stream.spool.segments import Position

NAME: Final = "cursor"
_SLOT_BYTES: Final = 512
_MAGIC: Final = b"GSCURS01"
_SLOT = Struct(">8sQQQQQI")
_CRC = Struct(">I")


@dataclass(frozen=True, slots=True)
class Cursor:
    """All before `acked` is in Kafka; nothing from `begun` on is."""

    acked: Position
    begun: Position
    partitions: int
    """Of the topic, for what lies between the two; 0 when that was never known."""


START: Final = Cursor(Position(0, 0), Position(0, 0), 0)


def create(directory: Path) -> None:
    """Make the cursor that a spool has none of, as `load` gives it; at once or not at all."""
    cursor = load(directory)
    temporary = directory / f"{NAME}.tmp"
    with temporary.open("wb") as file:
        file.write(_encode(cursor, 0) + _encode(cursor, 1))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / NAME)
    segments.fsync_directory(directory)


def load(directory: Path) -> Cursor:
    """The cursor of a spool.

    When it is missing or damaged, everything that is there now may have been sent; with one slot left what that one
    calls acknowledged is so.
    """
    return _load(directory)[0]


class CursorFile:
    """The cursor as the shipper keeps it; one at a time."""

    def __init__(self, directory: Path) -> None:
        if not (directory / NAME).exists():
            create(directory)
        self._cursor, self._sequence = _load(directory)
        self._fd = os.open(directory / NAME, os.O_RDWR | os.O_CLOEXEC)

    @property
    def cursor(self) -> Cursor:
        """What was loaded or saved last."""
        return self._cursor

    def save(self, cursor: Cursor) -> None:
        """Write the cursor; it is on disk when this returns.

        Raises:
            OSError: the disk is broken; the old cursor stands.
        """
        sequence = self._sequence + 1
        os.pwrite(self._fd, _encode(cursor, sequence), sequence % 2 * _SLOT_BYTES)
        os.fdatasync(self._fd)
        self._sequence, self._cursor = sequence, cursor

    def close(self) -> None:
        """Release the file."""
        os.close(self._fd)


def _encode(cursor: Cursor, sequence: int) -> bytes:
    body = _SLOT.pack(_MAGIC, sequence, *cursor.acked, *cursor.begun, cursor.partitions)
    return (body + _CRC.pack(crc32(body))).ljust(_SLOT_BYTES, b"\0")


def _decode(slot: bytes) -> tuple[int, Cursor] | None:
    body, rest = slot[: _SLOT.size], slot[_SLOT.size :]
    if len(slot) != _SLOT_BYTES or _CRC.unpack_from(rest)[0] != crc32(body):
        return None
    magic, sequence, *places, partitions = _SLOT.unpack(body)
    if magic != _MAGIC:
        return None
    return sequence, Cursor(Position(*places[:2]), Position(*places[2:]), partitions)


def _load(directory: Path) -> tuple[Cursor, int]:
    try:
        raw = (directory / NAME).read_bytes()
    except FileNotFoundError:
        raw = b""
    slots = [_decode(raw[:_SLOT_BYTES]), _decode(raw[_SLOT_BYTES : 2 * _SLOT_BYTES])]
    valid = sorted((slot for slot in slots if slot), key=lambda slot: slot[0])
    sequence, cursor = valid[-1] if valid else (0, START)
    if len(valid) < len(slots):
        # Whether the lost slot was the newer one cannot be known.
        sequence += 1
        there = segments.sizes(directory)
        end = Position(max(there), there[max(there)]) if there else START.begun
        cursor = Cursor(cursor.acked, max(cursor.begun, end), cursor.partitions)
    return cursor, sequence
