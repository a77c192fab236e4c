"""The cursor: what it loses never makes a possible duplicate look like a first sending."""

from pathlib import Path

import pytest

from stream.spool import cursor, frame, segments
from stream.spool.cursor import Cursor, CursorFile
from stream.spool.segments import Position

FIRST = Cursor(Position(1, 100), Position(1, 900), 6)
SECOND = Cursor(Position(1, 500), Position(2, 100), 9)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    cursor.create(tmp_path)
    file = CursorFile(tmp_path)
    file.save(FIRST)
    file.save(SECOND)
    file.close()
    return tmp_path


def test_a_new_spool_has_sent_nothing(tmp_path: Path) -> None:
    cursor.create(tmp_path)
    assert cursor.load(tmp_path) == cursor.START


def test_the_last_save_is_what_is_loaded(directory: Path) -> None:
    assert cursor.load(directory) == SECOND
    file = CursorFile(directory)
    file.save(FIRST)
    file.close()
    assert cursor.load(directory) == FIRST


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("damage", [b"\0" * 512, b"\xff" * 20])
def test_with_one_slot_lost_what_is_there_may_have_been_sent(directory: Path, slot: int, damage: bytes) -> None:
    segments.path(directory, 4).write_bytes(frame.header() + b"x" * 100)
    raw = bytearray((directory / cursor.NAME).read_bytes())
    raw[slot * 512 : slot * 512 + len(damage)] = damage
    (directory / cursor.NAME).write_bytes(raw)
    loaded = cursor.load(directory)
    assert (loaded.acked, loaded.partitions) in ((FIRST.acked, 6), (SECOND.acked, 9))
    assert loaded.begun == Position(4, frame.HEADER_BYTES + 100)
    file = CursorFile(directory)
    for saved in (FIRST, SECOND, FIRST):
        file.save(saved)
    file.close()
    assert cursor.load(directory) == FIRST


@pytest.mark.parametrize("content", [None, b"", b"\0" * 1024, b"x" * 5000])
def test_a_lost_cursor_means_that_everything_there_may_have_been_sent(tmp_path: Path, content: bytes | None) -> None:
    segments.path(tmp_path, 2).write_bytes(frame.header())
    segments.path(tmp_path, 3).write_bytes(frame.header() + b"x" * 7)
    if content is not None:
        (tmp_path / cursor.NAME).write_bytes(content)
    assert cursor.load(tmp_path) == Cursor(Position(0, 0), Position(3, frame.HEADER_BYTES + 7), 0)
    file = CursorFile(tmp_path)
    file.save(SECOND)
    file.close()


def test_what_may_have_been_sent_is_known_though_the_first_shipper_after_the_loss_saved_nothing(tmp_path: Path) -> None:
    segments.path(tmp_path, 3).write_bytes(frame.header() + b"x" * 7)
    CursorFile(tmp_path).close()
    segments.path(tmp_path, 4).write_bytes(frame.header() + b"appended since")
    assert cursor.load(tmp_path) == Cursor(Position(0, 0), Position(3, frame.HEADER_BYTES + 7), 0)
