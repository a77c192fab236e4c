"""chDB: one engine a process, one connection a request.

A connection costs 0.2 ms and carries everything that is particular to a request (role, database, settings, temporary
tables), so nothing has to be undone afterwards.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from chdb import _chdb  # the wrapper around it only adds progress bars and data frames

from stream.embedded.warehouse import access, failure
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.users import Role

_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


@dataclass(frozen=True, slots=True)
class Stats:
    """What a statement did."""

    read_rows: int = 0
    read_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    elapsed_ns: int = 0


class Engine:
    """The engine of this process and its data directory."""

    def __init__(self, target: str, users: Path) -> None:
        self._target = target
        self._users = users
        self._anchor = Connection(_connect(target))
        self.version = self._anchor.query("SELECT version()", "TabSeparatedRaw", {})[0].decode().strip()
        self.timezone = self._anchor.query("SELECT timezone()", "TabSeparatedRaw", {})[0].decode().strip()
        self.refresh_grants()

    @classmethod
    def open(cls, directory: Path, memory_bytes: int) -> Self:
        """Open the engine on a directory that no other process has open."""
        store = directory / "engine"
        store.mkdir(parents=True, exist_ok=True)
        users = directory / "users.xml"
        config = directory / "config.xml"
        access.write_users(users, [])
        access.write_config(config, users, memory_bytes)
        return cls(f"{store}?config-file={config}", users)

    def connect(self, role: Role) -> "Connection":
        """A connection with the rights of a role."""
        connection = Connection(_connect(self._target))
        connection.query(f"SET ROLE {role}", "TabSeparated", {})
        return connection

    def refresh_grants(self) -> None:
        """Let the BI role read the `bi_` views of every database there is now."""
        listed, _ = self._anchor.query("SELECT name FROM system.databases WHERE engine = 'Atomic'", "TabSeparated", {})
        access.write_users(self._users, listed.decode().split())
        self._anchor.query("SYSTEM RELOAD USERS", "TabSeparated", {})

    def close(self) -> None:
        """Close the engine; connections must be closed before."""
        self._anchor.close()


class Connection:
    """One connection; used by one thread at a time."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def apply(self, settings: Mapping[str, str]) -> None:
        """Set settings for this connection."""
        for name in settings:
            if not _SETTING.fullmatch(name):
                raise EngineError(115, "UNKNOWN_SETTING", f"Unknown setting '{name[:64]}'")
        if settings:
            clause = ", ".join(f"{name} = {_quoted(value)}" for name, value in settings.items())
            self.query(f"SET {clause}", "TabSeparated", {})

    def use(self, database: str) -> None:
        """Make a database the current one."""
        self.query(f"USE `{_escaped(database)}`", "TabSeparated", {})

    def query(self, sql: str, fmt: str, parameters: Mapping[str, str]) -> tuple[bytes, Stats]:
        """Run a statement and return its whole result."""
        try:
            result = self._handle.query(sql, fmt, params=dict(parameters))
        except RuntimeError as error:
            raise failure.parse(str(error)) from error
        return result.bytes(), _stats(result)

    def insert(self, head: str, fmt: str, data: bytes) -> Stats:
        """Run `INSERT INTO ... ` with these data; all of them or none."""
        try:
            handle = self._handle.send_insert(head, fmt)
            self._handle.insert_append(handle, data)
            return _stats(self._handle.insert_done(handle))
        except RuntimeError as error:
            raise failure.parse(str(error)) from error

    def close(self) -> None:
        """Give everything of this connection back."""
        self._handle.close()


def _connect(target: str) -> Any:
    try:
        return _chdb.connect(target)
    except RuntimeError as error:
        raise failure.parse(str(error)) from error


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("`", "\\`").replace("'", "\\'")


def _quoted(text: str) -> str:
    return f"'{_escaped(text)}'"


def _stats(result: Any) -> Stats:
    return Stats(
        read_rows=result.storage_rows_read(),
        read_bytes=result.storage_bytes_read(),
        written_rows=result.rows_written(),
        written_bytes=result.bytes_written(),
        result_rows=result.rows_read(),
        result_bytes=result.bytes_read(),
        elapsed_ns=int(result.elapsed() * 1e9),
    )
