"""Run files."""

import os
import subprocess

import msgspec
import pytest

from stream.base import runfile
from stream.base.settings import Settings


def test_a_published_process_can_be_read_back_until_it_is_removed(settings: Settings) -> None:
    runfile.publish(settings, "edge", host="127.0.0.1", port=8080, admin_host="127.0.0.1", admin_port=9108)
    running = runfile.read(settings, "edge")
    assert running is not None
    assert (running.pid, running.port, running.admin_port) == (os.getpid(), 8080, 9108)
    runfile.remove(settings, "edge")
    assert runfile.read(settings, "edge") is None
    runfile.remove(settings, "edge")  # a second time does no harm


def test_workers_of_one_machine_are_told_apart_by_their_instances() -> None:
    assert [runfile.worker_name(name) for name in ("", "worker", "b")] == ["worker", "worker", "worker-b"]


def test_only_fields_that_apply_are_written(settings: Settings) -> None:
    found = msgspec.json.decode(runfile.publish(settings, "worker", admin_port=9109).read_bytes())
    assert set(found) == {"process", "pid", "started", "ready_ms", "admin_port"}


def test_a_file_left_behind_by_a_killed_process_is_not_believed(settings: Settings) -> None:
    dead = subprocess.Popen(["/bin/true"])
    _forge(settings, pid=dead.pid, started=0)  # a zombie
    assert runfile.read(settings, "edge") is None
    dead.wait()
    assert runfile.read(settings, "edge") is None


def test_a_pid_that_is_used_again_is_not_believed(settings: Settings) -> None:
    _forge(settings, pid=os.getpid(), started=1)
    assert runfile.read(settings, "edge") is None


@pytest.mark.parametrize("content", [b"", b"[]", b'{"process":"edge"}', b"\xff", b'{"pid":"x"}'])
def test_a_damaged_file_is_no_process(settings: Settings, content: bytes) -> None:
    runfile.publish(settings, "edge").write_bytes(content)
    assert runfile.read(settings, "edge") is None


def test_the_file_of_another_process_is_not_removed(settings: Settings) -> None:
    other = subprocess.Popen(["/bin/sleep", "60"])
    try:
        ticks = runfile._started(other.pid)
        _forge(settings, pid=other.pid, started=ticks)
        runfile.remove(settings, "edge")
        assert runfile.read(settings, "edge") is not None
    finally:
        other.kill()
        other.wait()


def _forge(settings: Settings, *, pid: int, started: int) -> None:
    file = runfile.publish(settings, "edge")
    file.write_bytes(msgspec.json.encode(runfile.Running("edge", pid, started, 0)))
