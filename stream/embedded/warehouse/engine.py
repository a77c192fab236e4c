"""chDB: one engine a process, one connection a request.

A connection costs 0.2 ms and carries all that is particular to a request (role, database, settings, temporary
tables), so nothing has to be undone afterwards. The engine does not hold Python's lock while it works.
"""

import contextlib
import importlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from stream.embedded.warehouse import access, failure
from stream.embedded.warehouse.connection import Connection
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.users import Role

# chDB's own defaults differ from a server's in these.
_SERVER_DEFAULTS: Final = {"implicit_select": "0", "allow_introspection_functions": "0"}


@dataclass(frozen=True, slots=True)
class Analysis:
    """The engine's own verdict on a statement."""

    read_only: bool
    statements: int
    """0 when it cannot be parsed."""


class Engine:
    """The engine of this process and its data directory."""

    def __init__(self, chdb: Any, target: str, memory_bytes: int) -> None:
        self._chdb = chdb
        self._target = target
        self._bi_memory = memory_bytes // 2
        self.result_bytes: Final = memory_bytes // 8
        """Bound of a result that cannot be streamed."""
        self._anchor = self._connect()
        self.version: Final = self.ask("SELECT version()")
        self.timezone: Final = self.ask("SELECT timezone()")
        self.compresses: Final = self.ask("SELECT getSetting('enable_http_compression')") in ("1", "true")

    @classmethod
    def open(cls, directory: Path, databases: Iterable[str], memory_bytes: int) -> Self:
        """Open the engine on a directory that no other process has open.

        Args:
            directory: holds the data and the engine's configuration.
            databases: whose `bi_` views the BI role may read.
            memory_bytes: that the engine may use; a query that would use more fails.

        Raises:
            EngineError: the data cannot be opened.
        """
        store = directory / "engine"
        store.mkdir(parents=True, exist_ok=True)
        users, config = directory / "users.xml", directory / "server.xml"
        access.write_users(users, databases, memory_bytes * 3 // 4)
        access.write_config(config, users, memory_bytes)
        os.environ["TZ"] = "UTC"  # read when the engine starts; storage is UTC wherever the machine stands
        # Importing chdb starts a throw-away engine that reads config.xml of the current directory: be where none is.
        with contextlib.chdir(store):
            chdb = importlib.import_module("chdb")._chdb  # noqa: SLF001 - the wrapper around it adds only data frames
        engine = cls(chdb, f"{store}?config-file={config}", memory_bytes)
        engine._keep_default_database(empty=not any((store / "metadata" / "default").glob("*.sql")))
        return engine

    def connect(self, role: Role, settings: Mapping[str, str], database: str = "") -> Connection:
        """A connection with the rights of a role, and with these settings.

        Raises:
            EngineError: no such setting or database, or a value that does not fit.
        """
        connection = self._connect()
        try:
            connection.query(f"SET ROLE {role}")
            if role is Role.BI:
                limits = {"max_execution_time": "120", "max_memory_usage": str(self._bi_memory)}
                connection.apply({**_SERVER_DEFAULTS, **limits, **settings})
                # 2, not 1: BI tools send settings of their own with every query.
                connection.apply({"readonly": "2"})
            else:
                connection.apply({**_SERVER_DEFAULTS, **settings})
            if database:
                connection.use(database)
        except EngineError:
            connection.close()
            raise
        return connection

    def analyze(self, sql: str) -> Analysis:
        """What a statement would do, without running it."""
        found = self._anchor.handle.classify_query(sql, "")
        return Analysis(
            read_only=found["query_class"].name == "READ_ONLY",
            statements=found["statement_count"],
        )

    def render(self, sql: str) -> str:
        """The statement as the engine itself writes it: no comments, one way to quote.

        Raises:
            EngineError: 62, it cannot be parsed.
        """
        escaped = sql.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\0", "\\0")
        connection = self._connect()
        try:
            return connection.query("SELECT formatQuery({q:String})", parameters={"q": escaped})[0].decode()
        finally:
            connection.close()

    def ask(self, sql: str, parameters: Mapping[str, str] | None = None) -> str:
        """Run a statement of our own with every right."""
        connection = self._connect()
        try:
            return connection.query(sql, parameters=parameters)[0].decode().strip()
        finally:
            connection.close()

    def kill(self, query_id: str) -> None:
        """Ask a running statement to stop; no error when there is none."""
        self.ask("KILL QUERY WHERE Settings['log_comment'] = {id:String} ASYNC", {"id": _escaped_value(query_id)})

    def close(self) -> None:
        """Close the engine; every connection must be closed before."""
        self._anchor.close()

    def _keep_default_database(self, *, empty: bool) -> None:
        """Make `default` a database like any other: chDB lays one over it that takes unknown tables for files."""
        # On one connection: there can be no new one while the database is away. chDB cannot attach an empty one.
        self._anchor.query("DROP DATABASE default" if empty else "DETACH DATABASE default")
        self._anchor.query("CREATE DATABASE default ENGINE = Atomic" if empty else "ATTACH DATABASE default")

    def _connect(self) -> Connection:
        try:
            return Connection(self._chdb.connect(self._target))
        except failure.CAUGHT as error:
            raise failure.caught(error) from error


def _escaped_value(text: str) -> str:
    """The text of a query parameter, as the engine unescapes it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
