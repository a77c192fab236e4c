"""The writing side: what is answered is kept, what cannot be kept is said and counted."""

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from stream.base import metrics
from stream.base.errors import SettingsError, SpoolFullError
from stream.spool import Spool, frame, segments, survey
from stream.spool.cursor import Cursor, CursorFile
from stream.spool.reader import Reader
from stream.spool.segments import Position

Make = Callable[..., Spool]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Spool] = []

    def spool(*, segment_bytes: int = 1 << 20, max_bytes: int = 1 << 24, fsync_ms: int = 5) -> Spool:
        made.append(
            Spool(
                tmp_path / "spool",
                segment_bytes=segment_bytes,
                max_bytes=max_bytes,
                fsync_ms=fsync_ms,
                topic=tmp_path.name,
                clock=lambda: 1_795_000_000_000,
            )
        )
        return made[-1]

    yield spool
    for each in made:
        each.close()


def everything(directory: Path) -> list[tuple[bytes, bytes]]:
    reader = Reader(directory, Position(0, 0))
    found: list[tuple[bytes, bytes]] = []
    while records := reader.read().records:
        found += [(key, value) for key, value, _ in records]
    reader.close()
    return found


def counted(metric: object, spool: Spool) -> float:
    return metric.labels(spool.topic)._value.get()  # type: ignore[attr-defined,no-any-return]


def test_what_was_appended_is_in_the_file_at_once_and_in_order(make: Make) -> None:
    spool = make()
    sent = [(f"导购{n}".encode(), b"v" * n) for n in range(100)]
    for key, value in sent:
        spool.append(key, value)
    assert everything(spool.directory) == sent


def test_a_new_start_goes_on_behind_what_is_there(make: Make) -> None:
    first = make()
    first.append(b"k", b"1")
    first.close()
    second = make()
    second.append(b"k", b"2")
    assert everything(second.directory) == [(b"k", b"1"), (b"k", b"2")]


def test_a_second_owner_is_refused_and_told_who_the_first_is(make: Make) -> None:
    make()
    with pytest.raises(SettingsError, match=f"pid {os.getpid()}.*GUIDESTREAM_EDGE_NUMBER"):
        make()


def test_a_directory_that_cannot_be_written_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for directory in (tmp_path / "file", tmp_path / "file" / "spool"):
        with pytest.raises(SettingsError, match="GUIDESTREAM_DATA_DIR"):
            Spool(directory, segment_bytes=4096, max_bytes=1 << 20, fsync_ms=5, topic="t")


def test_a_full_disk_at_the_start_is_named_and_leaves_no_lock(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("stream.spool.writer.Spool._open_next", lambda _: full_disk())
        with pytest.raises(SettingsError, match=os.strerror(errno.ENOSPC)):
            make()
    make().append(b"k", b"v")


def full_disk() -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_the_files_are_for_their_owner_only(make: Make) -> None:
    spool = make()
    assert spool.directory.stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in spool.directory.iterdir() if file.suffix == ".seg")


def test_a_segment_is_closed_at_its_size(make: Make) -> None:
    spool = make(segment_bytes=4096)
    for _ in range(100):
        spool.append(b"k", b"v" * 400)
    sizes = segments.sizes(spool.directory)
    assert len(sizes) > 5
    assert max(sizes.values()) <= 4096
    assert len(everything(spool.directory)) == 100


def test_a_record_longer_than_a_segment_gets_one_of_its_own(make: Make) -> None:
    spool = make(segment_bytes=4096)
    for value in (b"a", b"b" * 10_000, b"c"):
        spool.append(b"k", value)
    assert [value for _, value in everything(spool.directory)] == [b"a", b"b" * 10_000, b"c"]


def test_a_record_beyond_the_limits_is_refused(make: Make) -> None:
    spool = make()
    with pytest.raises(ValueError, match="at most"):
        spool.append(b"k", b"v" * frame.MAX_BODY_BYTES)
    with pytest.raises(ValueError, match="at most"):
        spool.append(b"k" * 5000, b"v")
    spool.append(b"", b"")
    assert everything(spool.directory) == [(b"", b"")]


def fill(spool: Spool) -> int:
    """Append until it refuses; how many it kept."""
    for kept in range(10_000):
        try:
            spool.append(b"k", b"v" * 400)
        except SpoolFullError:
            return kept
    raise AssertionError("the cap was never reached")


def test_at_the_cap_events_are_dropped_and_counted_and_the_cap_holds(make: Make) -> None:
    spool = make(segment_bytes=4096, max_bytes=20_000)
    kept = fill(spool)
    for _ in range(9):
        with pytest.raises(SpoolFullError, match="cap"):
            spool.append(b"k", b"v" * 400)
    spool.close()
    assert len(everything(spool.directory)) == kept
    assert sum(segments.sizes(spool.directory).values()) <= 20_000
    assert (counted(metrics.SPOOL_APPENDED, spool), counted(metrics.SPOOL_DROPPED, spool)) == (kept, 10)


def test_room_that_shipping_makes_is_used_again(make: Make) -> None:
    spool = make(segment_bytes=4096, max_bytes=20_000)
    fill(spool)
    first = segments.numbers(spool.directory)[0]
    segments.path(spool.directory, first).unlink()
    while True:
        try:
            spool.append(b"k", b"again")
        except SpoolFullError:
            continue
        break
    assert everything(spool.directory)[-1] == (b"k", b"again")


def test_even_at_the_cap_everything_can_be_shipped_away(make: Make) -> None:
    """The live segment cannot be deleted, so a full spool leaves it for a new one."""
    spool = make(segment_bytes=1 << 20, max_bytes=8192)
    fill(spool)
    last = segments.numbers(spool.directory)[-1]
    assert segments.sizes(spool.directory)[last] == frame.HEADER_BYTES


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_refuses_is_a_full_spool(make: Make, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    spool = make()
    spool.append(b"k", b"before")

    def refuse(fd: int, data: bytes) -> int:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr("stream.spool.writer.os.write", refuse)
        with pytest.raises(SpoolFullError, match=os.strerror(code)):
            spool.append(b"k", b"lost")
    spool.append(b"k", b"after")
    assert [value for _, value in everything(spool.directory)] == [b"before", b"after"]


@pytest.mark.parametrize("code", [errno.EMFILE, errno.EIO])
def test_a_directory_that_cannot_be_listed_is_a_full_spool_and_counted(
    make: Make, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    spool = make(segment_bytes=4096)

    def refuse(directory: Path) -> dict[int, int]:
        raise OSError(code, os.strerror(code), directory)

    with monkeypatch.context() as patch:
        patch.setattr("stream.spool.segments.sizes", refuse)
        with pytest.raises(SpoolFullError, match=f"size cannot be read: {os.strerror(code)}"):
            spool.append(b"k", b"lost")
    spool.append(b"k", b"after")
    spool.close()
    assert [value for _, value in everything(spool.directory)] == [b"after"]
    assert (counted(metrics.SPOOL_APPENDED, spool), counted(metrics.SPOOL_DROPPED, spool)) == (1, 1)


@pytest.mark.parametrize("truncate_fails", [False, True])
def test_a_half_written_record_harms_none_behind_it(
    make: Make, monkeypatch: pytest.MonkeyPatch, *, truncate_fails: bool
) -> None:
    spool = make()
    spool.append(b"k", b"before")
    write = os.write

    def half(fd: int, data: bytes) -> int:
        return write(fd, data[: len(data) // 2])

    def fail(fd: int, size: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("stream.spool.writer.os.write", half)
        if truncate_fails:
            patch.setattr("stream.spool.writer.os.ftruncate", fail)
        with pytest.raises(SpoolFullError, match="disk is full"):
            spool.append(b"k", b"torn")
    spool.append(b"k", b"after")
    assert [value for _, value in everything(spool.directory)] == [b"before", b"after"]


def test_after_a_failed_fsync_it_goes_on_in_a_new_segment_and_says_so(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = make()
    spool.append(b"k", b"before")

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("stream.spool.writer.os.fsync", fail)
        while not spool._suspect:
            spool.append(b"k", b"at risk")
    spool.append(b"k", b"after")
    assert counted(metrics.SPOOL_SYNC_FAILED, spool) >= 1
    assert segments.numbers(spool.directory)[-1] > 1
    values = [value for _, value in everything(spool.directory)]
    assert (values[0], values[-1]) == (b"before", b"after")


@pytest.mark.parametrize("short", [False, True])
def test_a_disk_that_is_full_when_a_segment_is_begun_harms_neither_the_one_before_nor_the_next(
    make: Make, monkeypatch: pytest.MonkeyPatch, *, short: bool
) -> None:
    spool = make(segment_bytes=4096)
    for number in range(9):
        spool.append(b"k", b"%d" % number * 400)
    source = Reader(spool.directory, Position(0, 0))
    write = os.write

    def no_header(fd: int, data: bytes) -> int:
        if data == frame.header():
            return write(fd, data[:7]) if short else full_disk()
        return write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr("stream.spool.writer.os.write", no_header)
        for _ in range(3):
            with pytest.raises(SpoolFullError, match=os.strerror(errno.ENOSPC)):
                spool.append(b"k", b"lost" * 100)
        assert [len(source.read().records), len(source.read().records)] == [9, 0]
        spool.append(b"k", b"fits in")
        assert [value for _, value, _ in source.read().records] == [b"fits in"]
    spool.append(b"k", b"after" * 100)
    assert [value for _, value, _ in source.read().records] == [b"after" * 100]
    source.close()
    assert segments.numbers(spool.directory) == [1, 2]
    assert held().count(segments.path(spool.directory, 2)) == 1


def held() -> list[Path]:
    """Files that this process has open."""
    found: list[Path] = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(link.readlink())
    return found


@pytest.mark.parametrize("done", [False, True])
def test_a_segment_of_which_nobody_knows_whether_it_has_its_name_is_left_and_so_is_the_one_before(
    make: Make, monkeypatch: pytest.MonkeyPatch, *, done: bool
) -> None:
    spool = make(segment_bytes=4096)
    for _ in range(9):
        spool.append(b"k", b"v" * 400)
    source = Reader(spool.directory, Position(0, 0))
    rename = os.rename

    def fail(old: Path, new: Path) -> None:
        if done:
            rename(old, new)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr("pathlib.os.rename", fail)
        with pytest.raises(SpoolFullError, match=os.strerror(errno.EIO)):
            spool.append(b"k", b"lost" * 100)
    assert [len(source.read().records), len(source.read().records)] == [9, 0]
    for number in segments.numbers(spool.directory):
        if number < source.position.segment:
            segments.path(spool.directory, number).unlink()
    spool.append(b"k", b"would fit in")
    assert [value for _, value, _ in source.read().records] == [b"would fit in"]
    source.close()


@pytest.mark.parametrize("header", [b"", frame.header()[:7], bytes(frame.HEADER_BYTES)])
def test_a_segment_that_a_crash_left_without_its_header_is_followed_by_the_next_starts(
    make: Make, header: bytes
) -> None:
    first = make()
    first.append(b"k", b"before")
    first.close()
    segments.path(first.directory, 2).write_bytes(header)
    source = Reader(first.directory, Position(0, 0))
    assert [value for _, value, _ in source.read().records] == [b"before"]
    assert source.read().records == []
    second = make()
    second.append(b"k", b"after")
    assert [value for _, value, _ in source.read().records] == [b"after"]
    source.close()


def test_a_spool_that_vanished_with_its_cursor_ahead_starts_beyond_the_cursor(make: Make) -> None:
    """A power cut may take a new segment's name but not the cursor that was written later."""
    first = make()
    first.close()
    file = CursorFile(first.directory)
    file.save(Cursor(Position(7, 100), Position(9, 100), 6))
    file.close()
    second = make()
    assert segments.numbers(second.directory)[-1] == 10


def test_bytes_and_age_of_what_waits_are_known(make: Make) -> None:
    spool = make()
    assert survey.survey(spool.directory).waiting_bytes == 0
    spool.append(b"key", b"value")
    seen = survey.survey(spool.directory)
    assert (seen.waiting_bytes, seen.oldest_ms) == (frame.FRAME_BYTES + 8, 1_795_000_000_000)
    spool.close()
    assert counted(metrics.SPOOL_BYTES, spool) == frame.FRAME_BYTES + 8


def test_nothing_can_be_appended_after_close_and_close_can_be_called_twice(make: Make) -> None:
    spool = make()
    spool.close()
    spool.close()
    with pytest.raises(SpoolFullError, match="closed"):
        spool.append(b"k", b"v")
