"""The reading side: beside a writer, across segments, past damage."""

from pathlib import Path

import pytest

from stream.base.errors import InvariantError
from stream.spool import frame, segments
from stream.spool.reader import Reader
from stream.spool.segments import Position


def write(directory: Path, number: int, data: bytes) -> None:
    segments.path(directory, number).write_bytes(frame.header() + data)


def values(source: Reader) -> list[bytes]:
    found: list[bytes] = []
    while records := source.read().records:
        found += [value for _, value, _ in records]
    return found


def one(value: bytes) -> bytes:
    return frame.encode(b"key", value, 1)


@pytest.fixture
def source(tmp_path: Path) -> Reader:
    return Reader(tmp_path, Position(0, 0))


def test_an_empty_directory_has_nothing_and_waits(tmp_path: Path, source: Reader) -> None:
    assert values(source) == []
    write(tmp_path, 3, one(b"a"))
    assert values(source) == [b"a"]
    source.close()


def test_records_come_while_they_are_written_and_a_half_written_one_is_waited_for(
    tmp_path: Path, source: Reader
) -> None:
    write(tmp_path, 1, one(b"a") + one(b"b")[:-2])
    assert values(source) == [b"a"]
    at = source.position
    write(tmp_path, 1, one(b"a") + one(b"b"))
    assert values(source) == [b"b"]
    assert at == Position(1, frame.HEADER_BYTES + len(one(b"a")))
    source.close()


def test_what_lies_behind_the_position_is_known_of_the_segment_being_read(tmp_path: Path) -> None:
    source = Reader(tmp_path, Position(0, 0), window_bytes=2 * len(one(b"a")))
    assert source.behind == 0
    write(tmp_path, 3, one(b"a") * 5)
    assert len(source.read().records) == 2
    assert source.behind == 3 * len(one(b"a"))
    assert values(source) == [b"a"] * 3
    assert source.behind == 0
    source.close()


def test_a_torn_end_of_a_sealed_segment_is_skipped_and_counted(tmp_path: Path, source: Reader) -> None:
    torn = one(b"torn")[:-1]
    write(tmp_path, 1, one(b"a") + torn)
    write(tmp_path, 5, one(b"b"))
    first = source.read()
    second = source.read()
    assert [first.records[0][1], second.records[0][1]] == [b"a", b"b"]
    assert first.damaged + second.damaged == len(torn)
    source.close()


@pytest.mark.parametrize("header", [b"", b"GSSPOOL", b"\0" * 16, b"x" * 16])
def test_a_damaged_header_costs_nothing_but_itself(tmp_path: Path, source: Reader, header: bytes) -> None:
    body = one(b"a") if len(header) == 16 else b""
    segments.path(tmp_path, 1).write_bytes(header + body)
    write(tmp_path, 2, one(b"b"))
    assert values(source) == [b"a", b"b"] if body else [b"b"]
    source.close()


def test_a_segment_of_a_newer_version_stops_it_with_the_fix(tmp_path: Path, source: Reader) -> None:
    segments.path(tmp_path, 1).write_bytes(frame.header().replace(b"\0\0\0\1", b"\0\0\0\2") + one(b"a"))
    with pytest.raises(InvariantError, match=r"version 2.*run the newer version"):
        source.read()
    source.close()


def test_damage_in_a_segment_being_written_is_skipped_after_a_while(
    tmp_path: Path, source: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 1, one(b"a") + b"\0" * 50 + one(b"b"))
    assert values(source) == [b"a"]
    assert values(source) == []
    monkeypatch.setattr("stream.spool.reader._LIVE_DAMAGE_SECONDS", -1)
    chunk = source.read()
    assert ([value for _, value, _ in chunk.records], chunk.damaged) == ([b"b"], 50)
    source.close()


def test_zeros_that_a_power_cut_leaves_are_damage_not_records(tmp_path: Path, source: Reader) -> None:
    write(tmp_path, 1, one(b"a") + b"\0" * 3_000_000)
    write(tmp_path, 2, one(b"b"))
    damaged = 0
    found: list[bytes] = []
    while len(found) < 2:
        chunk = source.read()
        damaged += chunk.damaged
        found += [value for _, value, _ in chunk.records]
    assert (found, damaged) == ([b"a", b"b"], 3_000_000)
    source.close()


def test_a_chunk_never_crosses_the_stop(tmp_path: Path, source: Reader) -> None:
    size = len(one(b"a"))
    write(tmp_path, 1, one(b"a") * 5)
    stop = Position(1, frame.HEADER_BYTES + 2 * size + 1)
    assert [len(source.read(stop=stop).records), len(source.read(stop=stop).records)] == [3, 2]
    source.close()


def test_a_position_behind_the_end_of_its_segment_reads_what_follows(tmp_path: Path) -> None:
    """A power cut may take bytes that Kafka has and the cursor counts."""
    write(tmp_path, 1, one(b"a"))
    write(tmp_path, 2, one(b"b"))
    late = Reader(tmp_path, Position(1, 10_000))
    assert values(late) == [b"b"]
    late.close()


def test_files_that_are_no_segments_are_left_alone(tmp_path: Path, source: Reader) -> None:
    for name in ("1.seg", "x" * 20 + ".seg", "1" * 20 + ".seg.bak", "²" * 20 + ".seg"):
        (tmp_path / name).write_bytes(b"x")
    write(tmp_path, 1, one(b"a"))
    assert values(source) == [b"a"]
    source.close()
