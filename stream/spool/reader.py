"""The reading side of a spool: whole records in the order they were appended, across segments, past damage.

It reads files that another process may be writing. A segment is *sealed* once one with a higher number exists; only
then is an incomplete frame at its end damage, and not a record that is still being written.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stream.base.errors import InvariantError
from stream.spool import frame, segments
from stream.spool.segments import Position

WINDOW_BYTES: Final = 960 * 1024
"""Read at once; a little less than a broker takes in one batch."""
SMALLEST_WINDOW_BYTES: Final = frame.MAX_BODY_BYTES + 1024
"""More than one frame can have, so that every full window holds a whole one."""
_LIVE_DAMAGE_SECONDS: Final = 1.0
"""How long bytes that are no frame may stand in a segment being written before they count as damage."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one segment, from `start` to `end`."""

    records: list[frame.Record]
    start: Position
    end: Position
    damaged: int = 0
    """Bytes that no valid record covers, since the read before."""


class Reader:
    """Reads on from `position`. Not thread-safe; `close` releases its file."""

    def __init__(self, directory: Path, position: Position, *, window_bytes: int = WINDOW_BYTES) -> None:
        self._directory = directory
        self._position = position
        self._window_bytes = window_bytes
        self._fd = -1
        self._sealed = False
        self._bad_since: float | None = None

    @property
    def position(self) -> Position:
        """Where the next read begins."""
        return self._position

    @property
    def behind(self) -> int:
        """Bytes of the segment that is being read that lie behind the position."""
        return os.fstat(self._fd).st_size - self._position.offset if self._fd >= 0 else 0

    def read(self, *, stop: Position | None = None) -> Chunk:
        """The records that follow, a window of them at most; none when there is nothing (yet).

        A record that begins at `stop` or later is never in one chunk with one that begins before it.

        Raises:
            InvariantError: a segment was written by a newer version.
            OSError: the disk cannot be read.
        """
        damaged = 0
        while self._enter():
            here = self._position
            data, final = self._window()
            found = frame.scan(
                data,
                final=final,
                skip=self._sealed or self._bad_for_long(),
                stop=stop.offset - here.offset if stop and stop > here and stop.segment == here.segment else None,
            )
            if found.bad and not found.records and self._seal():
                continue  # nobody writes here any more, so it is damage: look again, behind it
            self._bad_since = (self._bad_since or time.monotonic()) if found.bad and not found.records else None
            self._position = Position(here.segment, here.offset + found.used)
            damaged += found.damaged
            if found.records:
                return Chunk(found.records, here, self._position, damaged)
            if not (final and found.used == len(data) and self._leave()):
                break
        return Chunk([], self._position, self._position, damaged)

    def close(self) -> None:
        """Release the open segment."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _enter(self) -> bool:
        """Have the segment of the position open, the position behind its header; False when there is none yet."""
        if self._fd < 0:
            later = [number for number in segments.numbers(self._directory) if number >= self._position.segment]
            if not later:
                return False
            if later[0] > self._position.segment:
                self._position = Position(later[0], 0)
            self._fd = os.open(segments.path(self._directory, later[0]), os.O_RDONLY | os.O_CLOEXEC)
            self._sealed = len(later) > 1
        if self._position.offset < frame.HEADER_BYTES:
            head = os.pread(self._fd, frame.HEADER_BYTES, 0)
            version = frame.header_version(head)
            if version is not None and version > frame.VERSION:
                raise InvariantError(
                    f"spool segment {segments.path(self._directory, self._position.segment)} has version {version}, "
                    f"this program knows {frame.VERSION}: run the newer version until the spool is empty"
                )
            if len(head) < frame.HEADER_BYTES and not self._seal():
                return False
            # A damaged header costs nothing but itself: the frames behind it stand for themselves.
            self._position = Position(self._position.segment, frame.HEADER_BYTES)
        return True

    def _window(self) -> tuple[bytes, bool]:
        """The bytes from the position on, and whether none will ever follow them."""
        data = os.pread(self._fd, self._window_bytes, self._position.offset)
        if len(data) < self._window_bytes and not self._sealed and self._seal():
            data = os.pread(self._fd, self._window_bytes, self._position.offset)
        return data, self._sealed and len(data) < self._window_bytes

    def _seal(self) -> bool:
        """Whether the segment is sealed. After a yes, what is read from it is all that it will ever hold."""
        if not self._sealed:
            self._sealed = segments.numbers(self._directory)[-1:] > [self._position.segment]
        return self._sealed

    def _leave(self) -> bool:
        """Go on to the next segment."""
        self.close()
        self._position = Position(self._position.segment + 1, 0)
        self._sealed = False
        return self._enter()

    def _bad_for_long(self) -> bool:
        return self._bad_since is not None and time.monotonic() - self._bad_since > _LIVE_DAMAGE_SECONDS
