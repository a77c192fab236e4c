from pathlib import Path

import pytest

from stream.spool import Spool, cursor, scrub, segments, survey
from stream.spool.cursor import CursorFile
from stream.spool.frame import HEADER_BYTES
from stream.spool.segments import Position


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", segment_bytes=4096, max_bytes=1 << 20, fsync_ms=100, topic="conversions")


def ship(directory: Path, until: Position) -> None:
    """Do as a shipper does whom Kafka acknowledged all before a position."""
    file = CursorFile(directory)
    file.save(cursor.Cursor(until, until, 4))
    file.close()


def test_what_kafka_has_is_overwritten_and_what_waits_is_not(spool: Spool) -> None:
    directory = spool.directory
    spool.append(b"c1", b'{"customer_id": "c1", "note": "tall"}')
    spool.append(b"c2", b'{"customer_id": "c2"}')
    middle = scrub.end_of(directory)
    spool.append(b"c1", b'{"customer_id": "c1", "note": "short"}')
    ship(directory, middle)
    assert scrub.shipped(directory, middle)
    assert not scrub.shipped(directory, scrub.end_of(directory))
    assert scrub.scrub(directory, [b"c1"]) == 1
    held = segments.path(directory, middle.segment).read_bytes()
    assert b"tall" not in held
    assert b"c2" in held
    waiting = survey.contents(directory, cursor.load(directory), first=9)
    assert [record[1] for record in waiting.first] == [b'{"customer_id": "c1", "note": "short"}']
    assert waiting.damaged_bytes == 0
    assert scrub.scrub(directory, [b"c1", b""]) == 0
    spool.close()


def test_segments_before_the_cursor_are_scrubbed_as_a_whole(spool: Spool) -> None:
    directory = spool.directory
    for _ in range(100):
        spool.append(b"c1", b"x" * 100)
    end = scrub.end_of(directory)
    assert end.segment > 2
    ship(directory, end)
    assert scrub.scrub(directory, [b"c1"]) == 100
    assert scrub.shipped(directory, end)
    spool.close()


def test_a_reader_that_comes_to_a_scrubbed_record_skips_it(spool: Spool) -> None:
    directory = spool.directory
    for key in (b"c1", b"c2", b"c1", b"c3"):
        spool.append(key, b"{}")
    ship(directory, scrub.end_of(directory))
    assert scrub.scrub(directory, [b"c1"]) == 2
    first = Position(scrub.end_of(directory).segment, HEADER_BYTES)
    spool.close()
    Spool(directory, segment_bytes=4096, max_bytes=1 << 20, fsync_ms=100, topic="conversions").close()  # seals it
    found = survey.contents(directory, cursor.Cursor(first, first, 4), first=9)
    assert [key for key, _, _ in found.first] == [b"c2", b"c3"]
