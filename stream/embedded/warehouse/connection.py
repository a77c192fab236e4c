"""One connection to the engine, and the two things that may be under way on it: a query, an INSERT."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from stream.embedded.warehouse import failure
from stream.embedded.warehouse.failure import EngineError

_SETTING: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_PLAIN: Final = "TabSeparatedRaw"
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
