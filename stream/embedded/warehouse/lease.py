"""The connection that one request has: its own, or its session's."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from stream.embedded.warehouse import guard
from stream.embedded.warehouse.connection import Connection
from stream.embedded.warehouse.engine import Engine
from stream.embedded.warehouse.external import ExternalTable
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.protocol import Call
from stream.embedded.warehouse.sessions import Session, Sessions
from stream.embedded.warehouse.users import Role


class Lease:
    """Gets the connection when it is needed, with all that the request sets, and gives it back."""

    def __init__(
        self,
        engine: Engine,
        sessions: Sessions,
        call: Call,
        role: Role,
        query_id: str,
        external: Sequence[ExternalTable],
    ) -> None:
        """`external` are the tables that the request brings along."""
        self._engine = engine
        self._sessions = sessions
        self.call: Final = call
        self.role: Final = role
        self.query_id: Final = query_id
        self._external = external
        self.failed = False
        """Something failed on the connection, or was broken off."""
        self.keeps = False
        """The statement sets something that a session keeps."""
        self._own: Connection | None = None
        self._session: Session | None = None

    @property
    def open(self) -> bool:
        """Whether there is something to give back."""
        return self._own is not None or self._session is not None

    def connect(self, extra: Mapping[str, str]) -> Connection:
        """The connection, with `extra` settings beside the request's.

        Raises:
            EngineError: no such setting, database or session, or one that is in use.
        """
        call = self.call
        guard.check_database(call.database, self.role)
        # The engine knows a statement by this comment: it cannot be told an id. Read-only is kept by `Execution`, which
        # can lift it again in a session.
        settings = {**call.settings, **extra, "log_comment": self.query_id}
        settings.pop("readonly", None)
        if call.session_id:
            connection = self._borrow(settings)
        else:
            connection = self._own = self._engine.connect(self.role, settings, call.database)
        with self.noting_failure():
            for table in self._external:
                table.create(connection)
        return connection

    def close(self) -> None:
        """Give the connection back."""
        if self._own is not None:
            self._own.close()
            self._own = None
        if self._session is not None:
            session, self._session = self._session, None
            usable = not self.call.close_session
            try:
                session.settle(failed=self.failed, changed=self.keeps)
            except EngineError:
                usable = False
            self._sessions.give_back(self._key, session, usable=usable)

    @contextlib.contextmanager
    def noting_failure(self) -> Iterator[None]:
        """Around what runs on the connection."""
        try:
            yield
        except BaseException:
            self.failed = True
            raise

    @property
    def _key(self) -> tuple[str, str]:
        return self.role.value, self.call.session_id

    def _borrow(self, settings: Mapping[str, str]) -> Connection:
        call = self.call

        def open_one() -> Connection:
            return self._engine.connect(self.role, {}, call.database)

        session = self._sessions.borrow(self._key, call.session_timeout, None if call.session_check else open_one)
        self._session = session
        with self.noting_failure():
            session.lend(settings)
            if call.database:
                session.connection.use(call.database)
        return session.connection
