"""Sessions: lent to one request at a time, dropped when idle for too long or too many."""

from collections.abc import Mapping
from typing import cast

import pytest

from stream.embedded.warehouse import sessions
from stream.embedded.warehouse.connection import Connection
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.sessions import Sessions


class Recorder:
    """A connection that only notes what is asked of it."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.now = {"implicit_select": "0"}

    def changed(self) -> dict[str, str]:
        return dict(self.now)

    def apply(self, settings: Mapping[str, str]) -> None:
        self.done.append(("apply", dict(settings)))

    def reset(self, names: Mapping[str, str | None]) -> None:
        self.done.append(("reset", dict(names)))

    def drain(self) -> None:
        self.done.append("drain")

    def close(self) -> None:
        self.done.append("close")


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(recorder: Recorder) -> Connection:
    return cast("Connection", recorder)


KEY = ("writer", "s")


def test_what_a_request_sets_is_taken_back_to_what_the_session_keeps() -> None:
    recorder, all_sessions = Recorder(), Sessions(Clock())
    session = all_sessions.borrow(KEY, "", lambda: opened(recorder))
    session.lend({"max_threads": "3", "implicit_select": "1"})
    session.settle(failed=True, changed=False)
    assert recorder.done == [
        ("apply", {"max_threads": "3", "implicit_select": "1"}),
        "drain",
        ("reset", {"max_threads": None, "implicit_select": "0"}),
    ]


def test_a_session_is_lent_to_one_request_at_a_time() -> None:
    all_sessions = Sessions(Clock())
    session = all_sessions.borrow(KEY, "", lambda: opened(Recorder()))
    with pytest.raises(EngineError) as caught:
        all_sessions.borrow(KEY, "", lambda: opened(Recorder()))
    assert caught.value.name == "SESSION_IS_LOCKED"
    all_sessions.give_back(KEY, session, usable=True)
    assert all_sessions.borrow(KEY, "", None) is session


def test_a_session_that_must_exist_and_does_not_is_an_error() -> None:
    with pytest.raises(EngineError) as caught:
        Sessions(Clock()).borrow(KEY, "", None)
    assert caught.value.name == "SESSION_NOT_FOUND"


@pytest.mark.parametrize("timeout", ["-1", "x", "3601", "1.5", "\u0663"])
def test_a_timeout_that_is_none_is_refused(timeout: str) -> None:
    with pytest.raises(EngineError) as caught:
        Sessions(Clock()).borrow(KEY, timeout, lambda: opened(Recorder()))
    assert caught.value.name == "INVALID_SESSION_TIMEOUT"


def test_an_idle_session_expires_and_a_busy_one_does_not() -> None:
    clock, idle, busy = Clock(), Recorder(), Recorder()
    all_sessions = Sessions(clock)
    all_sessions.give_back(KEY, all_sessions.borrow(KEY, "10", lambda: opened(idle)), usable=True)
    all_sessions.borrow(("writer", "busy"), "10", lambda: opened(busy))
    clock.now = 10.0
    all_sessions.expire()
    assert "close" not in idle.done
    clock.now = 10.1
    all_sessions.expire()
    assert ("close" in idle.done, "close" in busy.done) == (True, False)


def test_the_longest_idle_session_makes_room_and_busy_ones_never_do() -> None:
    clock, recorders = Clock(), [Recorder() for _ in range(sessions.MAX_SESSIONS)]
    all_sessions = Sessions(clock)
    lent = []
    for number, recorder in enumerate(recorders):
        clock.now = float(number)
        lent.append(all_sessions.borrow(("writer", str(number)), "", lambda recorder=recorder: opened(recorder)))  # type: ignore[misc]
    with pytest.raises(EngineError):
        all_sessions.borrow(KEY, "", lambda: opened(Recorder()))
    for number in (5, 3):
        clock.now += 1
        all_sessions.give_back(("writer", str(number)), lent[number], usable=True)
    all_sessions.borrow(KEY, "", lambda: opened(Recorder()))
    assert [number for number, recorder in enumerate(recorders) if "close" in recorder.done] == [5]


def test_a_session_that_broke_is_dropped() -> None:
    recorder, all_sessions = Recorder(), Sessions(Clock())
    all_sessions.give_back(KEY, all_sessions.borrow(KEY, "", lambda: opened(recorder)), usable=False)
    assert "close" in recorder.done
