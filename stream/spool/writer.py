"""The writing side of a spool: one `write()` an event before the answer, group fsync behind it."""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn, Self

from stream.base import log, metrics
from stream.base.clock import Clock, wall_clock
from stream.base.errors import InvariantError, SettingsError, SpoolFullError
from stream.base.settings import Settings
from stream.spool import cursor, frame, segments, survey
from stream.spool.bell import Bell

_SURVEY_SECONDS: Final = 1.0
_SUSPECT_SECONDS: Final = 1.0
"""A disk that fails every fsync makes no more new segments than this allows."""
_UNNAMED: Final = "segment.tmp"
"""A segment before it has its header."""
_log = log.get(__name__)


class Spool:
    """An append-only log of one topic on disk; this process owns its writing side until `close`.

    `append` belongs to one thread. A background thread makes what was appended durable within `fsync_ms`, keeps the
    metrics and looks for room when the cap was reached. Whatever was appended is in the page cache and survives
    kill -9 of this process at once; a power cut loses at most the last `fsync_ms`.

    Raises:
        SettingsError: another process owns the directory, or it cannot be made or written to.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int,
        max_bytes: int,
        fsync_ms: int,
        topic: str,
        clock: Clock = wall_clock,
    ) -> None:
        self.directory = directory
        self.topic = topic
        # Deletion is by whole segments, so the cap must span several.
        self._segment_bytes, self._max_bytes, self._clock = min(segment_bytes, max_bytes // 4), max_bytes, clock
        self._fd, self._size, self._room = -1, 0, 0
        self._appended = self._dropped = 0
        self._published = (0, 0)
        self._sealed: list[int] = []
        self._synced: tuple[int, int] = (-1, 0)
        self._closed = self._full = self._suspect = self._new_name = self._dropping = False
        self._need, self._why = 0, ""
        self._failed_at = -_SUSPECT_SECONDS
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = segments.lock(directory, segments.WRITER_LOCK)
        except OSError as error:
            raise _unwritable(directory, error) from error
        try:
            there = segments.numbers(directory)
            if not there and not (directory / cursor.NAME).exists():
                cursor.create(directory)
            known = cursor.load(directory)
            self._number = max([known.acked.segment, known.begun.segment, *there])
            self._open_next()
            self._bell = Bell(directory)
        except OSError as error:
            os.close(self._lock)
            raise _unwritable(directory, error) from error
        self._waited_for = self._bell.waited_for
        self._stop = threading.Event()
        self._interval = fsync_ms / 1000 / 2  # half: the other half is for the fsync itself
        self._thread = threading.Thread(target=self._keep, name=f"spool-{topic}", daemon=True)
        self._thread.start()

    @classmethod
    def of(cls, settings: Settings, owner: str, topic: str) -> Self:
        """The spool of a process, below data.dir; `owner` names the process and its number, `topic` is unprefixed."""
        return cls(
            settings.data.dir / "spool" / f"{owner}-{topic}",
            segment_bytes=settings.spool.segment_bytes,
            max_bytes=settings.spool.max_bytes,
            fsync_ms=settings.spool.fsync_ms,
            topic=topic,
        )

    def append(self, key: bytes, value: bytes) -> None:
        """Keep one event: it is written when this returns.

        Raises:
            SpoolFullError: the cap was reached, or the disk is full or broken; the event is not kept, but counted.
            ValueError: the record is longer than a frame may be.
        """
        data = frame.encode(key, value, self._clock())
        if self._size + len(data) > self._room:
            self._make_room(len(data))
        try:
            written = os.write(self._fd, data)
        except OSError as error:
            self._drop(f"it cannot be written: {error.strerror}")
        if written != len(data):
            self._cut()
            self._drop("the disk is full")
        self._size += written
        self._appended += 1
        if self._waited_for[0]:
            self._bell.ring()

    def close(self) -> None:
        """Make everything durable and give the directory up; nothing can be appended after it."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        self._thread.join()
        self._sync()
        os.close(self._fd)
        self._room = -1
        self._publish()
        self._bell.close()
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the appending thread ------------------------------------------------------------------------------------------

    def _make_room(self, need: int) -> None:
        """Let the segment grow, or begin another; raise when the cap does not allow it."""
        if self._closed:
            self._drop("it is closed")
        if self._full:
            self._drop("it reached its cap")
        try:
            free = self._max_bytes - sum(segments.sizes(self.directory).values())
        except OSError as error:
            self._drop(f"its size cannot be read: {error.strerror}")
        if not self._suspect and self._size + need <= self._segment_bytes and need <= free:
            self._room = min(self._segment_bytes, self._size + free)
            return
        if self._suspect or self._size > frame.HEADER_BYTES:
            # Also when the cap is reached: only a segment that is not written any more can go once it is shipped.
            self._rotate()
            free -= frame.HEADER_BYTES
        if need > free:
            self._room, self._need, self._full = 0, need, True
            self._drop("it reached its cap")
        self._room = self._size + max(need, min(self._segment_bytes - self._size, free))

    def _rotate(self) -> None:
        try:
            self._open_next()
        except OSError as error:
            self._drop(f"no segment can be made: {error.strerror}")

    def _open_next(self) -> None:
        """Go on in a new segment; a full disk leaves all as it was.

        It gets its name once it has its header: from then on readers take the segment before it for sealed, and delete
        that one when they have come to its end.
        """
        unnamed, number = self.directory / _UNNAMED, self._number + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        fd = os.open(unnamed, flags, 0o600)
        try:
            _begin(fd)
            # A renaming that fails may have been done all the same: nothing may follow in the segment before it.
            self._number, self._suspect, self._room = number, True, 0
            unnamed.rename(segments.path(self.directory, number))
        except OSError:
            os.close(fd)
            raise
        if self._fd >= 0:
            self._sealed.append(self._fd)
        self._fd, self._size = fd, frame.HEADER_BYTES
        self._suspect = False
        self._new_name = True

    def _cut(self) -> None:
        """Take a half-written record off the end, so that later ones follow a whole one."""
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            self._suspect, self._room = True, 0

    def _drop(self, why: str) -> NoReturn:
        self._dropped += 1
        self._why = why
        raise SpoolFullError(f"spool {self.directory}: {why}; the event was dropped")

    # -- the background thread -----------------------------------------------------------------------------------------

    def _keep(self) -> None:
        looked = 0.0
        while not self._stop.wait(self._interval):
            self._sync()
            if self._full or time.monotonic() - looked >= _SURVEY_SECONDS:
                looked = time.monotonic()
                self._publish()

    def _sync(self) -> None:
        """Make what was appended so far durable. Only this closes sealed segments, so no descriptor goes stale."""
        if self._new_name:
            self._new_name = False
            with self._failing():
                segments.fsync_directory(self.directory)
        while self._sealed:
            fd = self._sealed.pop(0)
            with self._failing():
                os.fsync(fd)
            os.close(fd)
        state = self._fd, self._size
        if state != self._synced:
            with self._failing():
                os.fsync(state[0])
            self._synced = state

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """After a failed fsync the kernel may have dropped the pages: go on in a new segment, and say so."""
        try:
            yield
        except OSError as error:
            metrics.SPOOL_SYNC_FAILED.labels(self.topic).inc()
            if time.monotonic() - self._failed_at < _SUSPECT_SECONDS:
                return
            self._failed_at = time.monotonic()
            self._suspect, self._room = True, 0
            _log.error("spool not durable", directory=str(self.directory), error=error.strerror)

    def _publish(self) -> None:
        """Bring the metrics up to date, and see whether there is room again."""
        appended, dropped = self._appended, self._dropped
        metrics.SPOOL_APPENDED.labels(self.topic).inc(appended - self._published[0])
        metrics.SPOOL_DROPPED.labels(self.topic).inc(dropped - self._published[1])
        dropping = dropped != self._published[1]
        if dropping != self._dropping:
            self._dropping = dropping
            if dropping:
                _log.error("spool drops events", directory=str(self.directory), why=self._why)
            else:
                _log.warning("spool takes events again", directory=str(self.directory), dropped=dropped)
        self._published = appended, dropped
        try:
            seen = survey.survey(self.directory)
        except (OSError, InvariantError) as error:
            _log.error("spool cannot be read", directory=str(self.directory), error=str(error))
            return
        metrics.SPOOL_BYTES.labels(self.topic).set(seen.waiting_bytes)
        age_ms = 0 if seen.oldest_ms is None else max(0, self._clock() - seen.oldest_ms)
        metrics.SPOOL_AGE_SECONDS.labels(self.topic).set(age_ms / 1000)
        self._full = self._full and sum(seen.sizes.values()) + self._need > self._max_bytes


def _begin(fd: int) -> None:
    """Write a segment's header; all of it, or an OSError."""
    if os.write(fd, frame.header()) < frame.HEADER_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _unwritable(directory: Path, error: OSError) -> SettingsError:
    return SettingsError(
        f"the spool {directory} cannot be written: {error.strerror}; make room, or set GUIDESTREAM_DATA_DIR to a disk "
        "that can be written"
    )
