"""Sessions: a connection that stays between requests, so that SET and temporary tables do."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from stream.embedded.warehouse.connection import Connection
from stream.embedded.warehouse.failure import EngineError

MAX_SESSIONS: Final = 256
DEFAULT_TIMEOUT_S: Final = 60
MAX_TIMEOUT_S: Final = 3600


@dataclass(slots=True)
class Session:
    """One connection that is kept."""

    connection: Connection
    timeout_s: int
    kept: dict[str, str]
    """Settings that hold between requests."""
    busy: bool = False
    idle_since: float = 0.0
    _undo: dict[str, str | None] = field(default_factory=dict)

    def lend(self, settings: Mapping[str, str]) -> None:
        """Set what one request wants beside what is kept."""
        self._undo = {name: self.kept.get(name) for name in settings}
        self.connection.apply(settings)

    def settle(self, *, failed: bool, changed: bool) -> None:
        """After a request: take back what it set for itself; `changed` says that its statement was a SET."""
        if failed:
            self.connection.drain()
        self.connection.reset(self._undo)
        self._undo = {}
        if changed:
            self.kept = self.connection.changed()


class Sessions:
    """All sessions of a process, by user and session id. Thread-safe."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives seconds that never go back."""
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], Session] = {}

    def borrow(self, key: tuple[str, str], timeout: str, open_one: Callable[[], Connection] | None) -> Session:
        """The session for one request, which has it alone until `give_back`.

        Args:
            key: user and session id.
            timeout: seconds that it may be idle, as the request words it; empty for the default.
            open_one: makes its connection; None when the session must exist already.

        Raises:
            EngineError: it is in use, does not exist, or there are too many.
        """
        seconds = _timeout(timeout)
        with self._lock:
            session = self._sessions.get(key)
            if session is not None:
                if session.busy:
                    raise EngineError(
                        373, "SESSION_IS_LOCKED", f"Session {key[1][:64]} is locked by a concurrent client"
                    )
                session.busy, session.timeout_s = True, seconds
                return session
            if open_one is None:
                raise EngineError(372, "SESSION_NOT_FOUND", f"Session {key[1][:64]} not found")
            self._make_room()
            connection = open_one()
            session = self._sessions[key] = Session(connection, seconds, connection.changed(), busy=True)
            return session

    def give_back(self, key: tuple[str, str], session: Session, *, usable: bool) -> None:
        """The request has ended; a session that is not usable any more is dropped."""
        with self._lock:
            session.busy, session.idle_since = False, self._clock()
            if not usable:
                self._drop(key)

    def expire(self) -> None:
        """Close the sessions that were idle for too long."""
        with self._lock:
            now = self._clock()
            for key, session in list(self._sessions.items()):
                if not session.busy and now - session.idle_since > session.timeout_s:
                    self._drop(key)

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            for key in list(self._sessions):
                self._drop(key)

    def _make_room(self) -> None:
        if len(self._sessions) < MAX_SESSIONS:
            return
        idle = [(session.idle_since, key) for key, session in self._sessions.items() if not session.busy]
        if not idle:
            raise EngineError(202, "TOO_MANY_SIMULTANEOUS_QUERIES", f"all {MAX_SESSIONS} sessions are in use")
        self._drop(min(idle)[1])

    def _drop(self, key: tuple[str, str]) -> None:
        session = self._sessions.pop(key, None)
        if session is not None:
            session.connection.close()


def _timeout(text: str) -> int:
    if not text:
        return DEFAULT_TIMEOUT_S
    if not text.isascii() or not text.isdigit() or int(text) > MAX_TIMEOUT_S:
        raise EngineError(374, "INVALID_SESSION_TIMEOUT", f"Session timeout {text[:32]!r}: use 0 to {MAX_TIMEOUT_S}")
    return int(text)
