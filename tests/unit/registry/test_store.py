import stat
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.registry import Salt
from stream.base.settings import Settings
from stream.registry import store
from stream.registry.snapshot import Builder, Mark, Snapshot
from tests.support import registry as make

HOUR = 3_600_000
NOW = 1_790_000_000_000


def some() -> Snapshot:
    return (
        Builder()
        .add(make.store(), make.guide(), *(make.link(f"c{i}", i) for i in range(1, 200)))
        .build(300, Mark(299, 1, 2))
    )


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    store.save(path, some(), saved_ms=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "it holds salts"


def test_every_cut_and_every_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    store.save(path, some(), saved_ms=NOW)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        with pytest.raises(store.DamagedError):
            store.load(path)
    for place in (*range(200), *range(200, len(whole), 61), *range(len(whole) - 60, len(whole))):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        with pytest.raises(store.DamagedError):
            store.load(path)


def test_a_missing_block_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "snapshot"
    store.save(path, Builder().add(make.link()).build(1), saved_ms=NOW)
    first = path.read_bytes()
    store.save(path, Builder().build(1), saved_ms=NOW)
    second = path.read_bytes()
    end_of_first = len(first) - first.rindex(b"E\x01")
    path.write_bytes(second[: second.rindex(b"E\x01")] + first[-end_of_first:])
    with pytest.raises(store.DamagedError, match="missing"):
        store.load(path)


def test_a_damaged_file_is_passed_over_with_a_warning(settings: Settings) -> None:
    path = store.path_of(settings)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a snapshot at all, but long enough for a frame")
    with capture_logs() as logs:
        assert store.load_fresh(settings, NOW) is None
    assert [line["log_level"] for line in logs] == ["warning"]


def test_from_an_old_file_nobody_goes_on_reading(settings: Settings) -> None:
    store.save(store.path_of(settings), some(), saved_ms=NOW)
    fresh, old = (store.load_fresh(settings, NOW + hours * HOUR) for hours in (1, 13))
    assert fresh == some()
    assert old is not None
    assert (old.mark, old.links) == (None, 199), (
        "it may have missed a deletion, so the topic is read from its beginning"
    )
    from_the_future = store.load_fresh(settings, NOW - 1)
    assert from_the_future is not None
    assert from_the_future.mark is None


def test_without_a_file_there_is_no_snapshot_and_no_warning(settings: Settings) -> None:
    with capture_logs() as logs:
        assert store.load_fresh(settings, NOW) is None
    assert logs == []


def test_a_disk_that_refuses_leaves_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "snapshot"
    store.save(path, some(), saved_ms=NOW)

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        store.save(path, Builder().build(1), saved_ms=NOW)
    assert store.load(path) == (some(), NOW)
    assert [file.name for file in tmp_path.iterdir()] == ["snapshot"]


@pytest.fixture
def writing(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a process that saves a salt to tmp_path/snapshot, and stops in the middle of it."""
    program = """
        import os, signal, sys
        from pathlib import Path
        from stream.registry import store
        from stream.registry.snapshot import Builder
        def stopped(_):
            print("writes", flush=True)
            signal.pause()
        os.fsync = stopped
        builder = Builder()
        builder.load_salts({"2026-11-22": b"secret" * 6})
        store.save(Path(sys.argv[1]), builder.build(), saved_ms=1)
    """
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "snapshot")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"writes\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_what_a_killed_process_left_half_written_is_gone_with_the_next_save(
    tmp_path: Path, writing: Callable[[], subprocess.Popen[bytes]]
) -> None:
    other_topic = tmp_path / "snapshot.of.another.topic"
    other_topic.touch()
    for _ in range(2):
        process = writing()
        process.kill()
        process.wait()
    path = tmp_path / "snapshot"
    store.save(path, some(), saved_ms=NOW)
    assert {file.name for file in tmp_path.iterdir()} == {"snapshot", other_topic.name}
    assert store.load(path) == (some(), NOW)


def test_what_another_process_is_writing_stays(tmp_path: Path, writing: Callable[[], subprocess.Popen[bytes]]) -> None:
    writing()
    (half,) = tmp_path.iterdir()
    store.save(tmp_path / "snapshot", some(), saved_ms=NOW)
    assert {file.name for file in tmp_path.iterdir()} == {"snapshot", half.name}


def test_a_forgotten_salt_stays_forgotten(tmp_path: Path) -> None:
    builder = Builder().add(Salt("2026-11-22", b"secret" * 6))
    builder.forget_salt("2026-11-22")
    path = tmp_path / "snapshot"
    store.save(path, builder.build(), saved_ms=NOW)
    assert b"secret".hex().encode() not in path.read_bytes()
    assert store.load(path)[0].salts == {"2026-11-22": b""}
