"""Taking records out of what a spool still holds although Kafka has it.

A segment stays on disk until it is full and shipped. What lies before the cursor is never sent again, so its bytes may
be overwritten while both owners of the directory run; a reader that came there all the same would skip it as damaged.
"""

import mmap
import os
from collections.abc import Collection, Iterator
from pathlib import Path

from stream.spool import cursor, frame, segments, survey
from stream.spool.segments import Position


def end_of(directory: Path) -> Position:
    """Behind the last record that was appended so far.

    Raises:
        FileNotFoundError: there is no such directory.
    """
    sizes = segments.sizes(directory)
    return Position(max(sizes), sizes[max(sizes)]) if sizes else Position(0, 0)


def shipped(directory: Path, until: Position) -> bool:
    """Whether Kafka has all that lies before a position."""
    return cursor.load(directory).acked >= until or not survey.survey(directory).waiting_bytes


def scrub(directory: Path, words: Collection[bytes]) -> int:
    """Overwrite every record that Kafka has and that holds one of the words; returns how many."""
    acked = cursor.load(directory).acked
    count = 0
    for number in segments.numbers(directory):
        if number <= acked.segment:
            end = acked.offset if number == acked.segment else None
            count += _scrub_file(segments.path(directory, number), end, words)
    return count


def _scrub_file(path: Path, end: int | None, words: Collection[bytes]) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # shipped and deleted meanwhile
        return 0
    try:
        size = os.fstat(descriptor).st_size
        limit = size if end is None else min(size, end)
        if not limit:
            return 0
        with mmap.mmap(descriptor, limit, prot=mmap.PROT_READ) as data:
            spans = {frame.around(data, place) for word in words if word for place in _places(data, word)}
        found = [span for span in spans if span]
        for start, stop in found:
            os.pwrite(descriptor, bytes(stop - start), start)
        if found:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return len(found)


def _places(data: mmap.mmap, word: bytes) -> Iterator[int]:
    place = data.find(word)
    while place >= 0:
        yield place
        place = data.find(word, place + len(word))
