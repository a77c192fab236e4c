"""chDB: one engine a process, one connection a request.

A connection costs 0.2 ms and carries all that is particular to a request (role, database, settings, temporary
tables), so nothing has to be undone afterwards. The engine does not hold Python's lock while it works.
"""

import contextlib
import importlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import orjson

from stream.embedded.warehouse import access, failure
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.users import Role

_SETTING: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_PLAIN: Final = "TabSeparatedRaw"
# chDB's own defaults differ from a server's in these.
_SERVER_DEFAULTS: Final = {"implicit_select": "0", "allow_introspection_functions": "0"}
_SLICE: Final = 1024 * 1024


@dataclass(slots=True)
class Stats:
    """What a statement has done so far."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0

    def add(self, result: Any) -> None:
        """Count a result, or a piece of one."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()
        self.result_rows += result.rows_read()
        self.result_bytes += result.size()
        self.elapsed_ns += int(result.elapsed() * 1e9)


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

    def connect(self, role: Role, settings: Mapping[str, str], database: str = "") -> "Connection":
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

    def _connect(self) -> "Connection":
        try:
            return Connection(self._chdb.connect(self._target))
        except failure.CAUGHT as error:
            raise failure.caught(error) from error


class Connection:
    """One connection; used by one thread at a time."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    def apply(self, settings: Mapping[str, str]) -> None:
        """Set settings of this connection."""
        for name in settings:
            if not _SETTING.fullmatch(name):
                raise EngineError(115, "UNKNOWN_SETTING", f"Unknown setting '{name[:64]}'")
        if settings:
            self.query("SET " + ", ".join(f"{name} = {_text(value)}" for name, value in settings.items()))

    def use(self, database: str) -> None:
        """Make a database the current one."""
        self.query(f"USE {_name(database)}")

    def reset(self, names: Mapping[str, str | None]) -> None:
        """Set settings back, to these values or (None) to their defaults."""
        if names:
            values = (f"{name} = {'DEFAULT' if old is None else _text(old)}" for name, old in names.items())
            self.query("SET " + ", ".join(values))

    def changed(self) -> dict[str, str]:
        """The settings that are not at their defaults."""
        rows, _ = self.query("SELECT name, value FROM system.settings WHERE changed FORMAT JSONCompactEachRow")
        return dict(map(orjson.loads, rows.splitlines()))

    def query(self, sql: str, fmt: str = _PLAIN, parameters: Mapping[str, str] | None = None) -> tuple[bytes, Stats]:
        """Run a statement and return its whole, small result."""
        stats = Stats()
        return b"".join(self.whole(sql, fmt, parameters or {}, stats)), stats

    def whole(self, sql: str, fmt: str, parameters: Mapping[str, str], stats: Stats) -> Iterator[bytes]:
        """Run a statement to its end; its result, which is in the engine's memory, comes in slices."""
        try:
            result = self.handle.query(sql, fmt, params=dict(parameters))
        except failure.CAUGHT as error:
            raise failure.caught(error) from error
        stats.add(result)
        if result.size() <= _SLICE:
            yield result.bytes()
            return
        view = result.get_memview().view()
        for start in range(0, len(view), _SLICE):
            yield bytes(view[start : start + _SLICE])

    def stream(self, sql: str, fmt: str, parameters: Mapping[str, str], stats: Stats) -> Iterator[bytes]:
        """Run a SELECT and hand out a document a block; closing the iterator cancels the query."""
        try:
            under_way = self.handle.send_query(sql, fmt, params=dict(parameters))
        except failure.CAUGHT as error:
            raise failure.caught(error) from error
        ended = False
        try:
            while not ended:
                try:
                    piece = self.handle.streaming_fetch_result(under_way)
                except failure.CAUGHT as error:
                    ended = True
                    raise failure.caught(error) from error
                ended = piece is None or piece.rows_read() == 0
                if piece is not None:
                    stats.add(piece)
                    # The last piece has no rows; it is a head without rows when there was none before it.
                    if not ended or stats.result_rows == 0:
                        yield piece.bytes()
        finally:
            if not ended:
                with contextlib.suppress(*failure.CAUGHT):
                    self.handle.streaming_cancel_query(under_way)

    def insert(self, head: str, fmt: str) -> "Insert":
        """Begin `INSERT INTO ...` whose data come in this format."""
        try:
            return Insert(self.handle, self.handle.send_insert(head, fmt))
        except failure.CAUGHT as error:
            raise failure.caught(error) from error

    def drain(self) -> None:
        """After an error: chDB keeps what the failed statement had rendered and would hand it out with the next."""
        with contextlib.suppress(EngineError):
            self.query("SELECT 1 FORMAT Null")

    def close(self) -> None:
        """Give everything of this connection back."""
        self.handle.close()


class Insert:
    """An INSERT under way."""

    def __init__(self, handle: Any, inserter: Any) -> None:
        self._handle = handle
        self._inserter = inserter
        self._open = True

    def feed(self, data: bytes) -> None:
        """Hand over more data.

        Raises:
            EngineError: they do not fit; nothing stays of this INSERT.
        """
        try:
            self._handle.insert_append(self._inserter, data)
        except failure.CAUGHT as error:
            self.cancel()
            raise failure.caught(error) from error

    def finish(self, stats: Stats) -> None:
        """All data are there: make them rows, all of them or none."""
        self._open = False
        try:
            stats.add(self._handle.insert_done(self._inserter))
        except failure.CAUGHT as error:
            raise failure.caught(error) from error

    def cancel(self) -> None:
        """Drop it, unless it is finished."""
        if self._open:
            self._open = False
            with contextlib.suppress(*failure.CAUGHT):
                self._handle.insert_cancel(self._inserter)


def _name(text: str) -> str:
    return "`" + text.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _escaped_value(text: str) -> str:
    """The text of a query parameter, as the engine unescapes it."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
