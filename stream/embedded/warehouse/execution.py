"""One request's statement, from its text to its answer. Everything here blocks: it runs in the engine's threads."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from stream.embedded.warehouse import codec, formats, guard, statement
from stream.embedded.warehouse.connection import Insert, Stats
from stream.embedded.warehouse.engine import Analysis, Engine
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.lease import Lease
from stream.embedded.warehouse.protocol import Call
from stream.embedded.warehouse.statement import Statement
from stream.embedded.warehouse.users import Role

MAX_QUERY: Final = 16 * 1024 * 1024
"""Bytes of a statement without its data."""
SMALL: Final = 256 * 1024
"""An answer up to this size is sent whole, with its length."""
SPOOL: Final = 8 * 1024 * 1024
"""An answer that must be complete before it begins is kept in memory up to this size, then in a file."""

_KEEPS: Final = frozenset(b"SET USE".split())
_EVALUATES: Final = (
    "input_format_values_interpret_expressions",
    "input_format_values_deduce_templates_of_expressions",
)
_KILL: Final = re.compile(r"(\s*KILL\s+QUERY\s+WHERE\s+)query_id(\s*=)", re.IGNORECASE)


class Wanted(Enum):
    """What a statement needs to go on."""

    NOTHING = auto()
    """It has an answer."""
    TEXT = auto()
    """The rest of its text."""
    DATA = auto()
    """More data to insert."""


@dataclass(slots=True)
class Answer:
    """What a statement answered."""

    stats: Stats
    format: str = ""
    """Empty where there is no result set."""
    body: bytes = b""
    """All of it, or its beginning."""
    rest: Iterator[bytes] | None = None
    """What follows the beginning; the stats grow while it is read."""


class Execution:
    """Runs one statement. Its methods are called one after another, by any thread."""

    def __init__(self, engine: Engine, lease: Lease, coding: str) -> None:
        """`coding` is the content coding of the answer; empty for none."""
        self._engine = engine
        self._lease = lease
        self._call = lease.call
        self._role = lease.role
        self.query_id: Final = lease.query_id
        self._encoder = _encoder(lease.call, coding)
        self._insert: Insert | None = None
        self.inserting = False
        """It puts rows in: then it is not to be stopped half-way."""
        self.answer = Answer(Stats())

    def begin(self, text: bytes, *, whole: bool) -> Wanted:
        """Start with the text, or with its first part (more than an INSERT's head) when it is not `whole`.

        When nothing is wanted any more, and there is no rest of the answer to read, everything is given back already.

        Raises:
            EngineError: as every method; the caller then calls `close`.
        """
        found = statement.parse(text)
        if found.data is None and not whole:
            return Wanted.TEXT
        try:
            if found.data is None:
                self._run(found)
            else:
                self._open_insert(found, whole=whole)
                if not whole:
                    return Wanted.DATA
        except BaseException:
            self.close()
            raise
        if self.answer.rest is None:
            self.close()
        return Wanted.NOTHING

    @property
    def open(self) -> bool:
        """Whether something is still to be given back by `close`."""
        return self._lease.open

    def feed(self, data: bytes) -> None:
        """More data of an INSERT."""
        assert self._insert is not None
        with self._lease.noting_failure():
            self._insert.feed(data)

    def finish(self) -> None:
        """The data of an INSERT are complete."""
        assert self._insert is not None
        with self._lease.noting_failure():
            self._insert.finish(self.answer.stats)

    def more(self) -> bytes:
        """The next part of the answer; empty at its end."""
        piece = b""
        if self.answer.rest is not None:
            with self._lease.noting_failure():
                piece = next(self.answer.rest, b"")
            if not piece:
                self.answer.rest = None
        return piece

    def last(self, text: bytes) -> bytes:
        """End an answer that failed on the way with this text, compressed as the answer is."""
        return self._encoder.feed(text) + self._encoder.end() if self._encoder else text

    def close(self) -> None:
        """Give everything back; what still runs is cancelled."""
        if self._insert is not None:
            self._insert.cancel()
        if self.answer.rest is not None:
            # A stream that is closed before its end cancels its query.
            self.answer.rest.close()  # type: ignore[attr-defined]  # all of them are generators
            self._lease.failed = True
        self._insert, self.answer.rest = None, None
        self._lease.close()

    def _open_insert(self, found: Statement, *, whole: bool) -> None:
        assert found.data is not None
        if self._role is Role.BI or self._reads_only:
            raise _readonly()
        head = _decoded(found.text)
        if guard.suspicious(found.text):
            tail = " VALUES" if found.format == "Values" else f" FORMAT {found.format}"
            guard.check_head(self._engine.render(head + tail).encode())
        literals = found.format == "Values" and guard.literals_only(found.data, whole=whole)
        connection = self._lease.connect(dict.fromkeys(_EVALUATES, "0") if literals else {})
        self.inserting = True
        with self._lease.noting_failure():
            self._insert = connection.insert(head, found.format)
            self._insert.feed(found.data)
            if whole:
                self._insert.finish(self.answer.stats)

    def _run(self, found: Statement) -> None:
        if not found.verb:
            raise EngineError(62, "SYNTAX_ERROR", "Syntax error: Empty query")
        text = _decoded(found.text)
        if found.verb == b"KILL":
            text = _KILL.sub(r"\1Settings['log_comment']\2", text)
        analysis = self._check(found, text)
        fmt = found.format or self._call.default_format or "TabSeparated"
        answers = found.answers and (analysis.read_only or found.verb != b"WITH")
        streams = answers and found.streams and analysis.read_only and formats.can_stream(fmt)
        bound = {}
        if answers and not streams and "max_result_bytes" not in self._call.settings:
            bound["max_result_bytes"] = str(self._engine.result_bytes)
        connection = self._lease.connect(bound)
        self.inserting = not answers
        self._lease.keeps = found.verb in _KEEPS
        run = connection.stream if streams else connection.whole
        with self._lease.noting_failure():
            pieces = run(text, fmt, self._call.parameters, self.answer.stats)
            self._take(formats.splice(fmt, pieces) if streams else pieces, fmt if answers else "")

    def _check(self, found: Statement, text: str) -> Analysis:
        """Refuse what may not run."""
        analysis = self._engine.analyze(text)
        if analysis.statements > 1:
            raise EngineError(62, "SYNTAX_ERROR", "Syntax error (Multi-statements are not allowed)")
        call = self._call
        if self._role is Role.BI or guard.suspicious(found.text) or guard.holds_sql(call.settings):
            guard.check(self._engine.render(text).encode(), call.parameters, call.settings, self._role)
        if self._role is Role.BI and not (analysis.read_only and analysis.statements == 1):
            raise _readonly()
        # What cannot be parsed goes on to the engine, which says why.
        if self._reads_only and analysis.statements and not analysis.read_only and found.verb not in _KEEPS:
            raise _readonly()
        return analysis

    @property
    def _reads_only(self) -> bool:
        return self._call.method != "POST" or self._call.settings.get("readonly", "0") not in ("", "0")

    def _take(self, pieces: Iterator[bytes], fmt: str) -> None:
        """Make the answer of these pieces: all of it when it is small, else its beginning."""
        if self._encoder is not None:
            pieces = codec.encoded(pieces, self._encoder)
        if self._call.wait_end:
            pieces = _spooled(pieces)
        beginning, size = [], 0
        for piece in pieces:
            beginning.append(piece)
            size += len(piece)
            if size > SMALL:
                self.answer.rest = pieces
                break
        self.answer.format, self.answer.body = fmt, b"".join(beginning)


def _encoder(call: Call, coding: str) -> codec.Encoder | None:
    if call.native_answer:
        return codec.NativeEncoder()
    return codec.encoder(coding, call.compression_level) if coding else None


def _spooled(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Read everything before the first piece goes out."""
    with tempfile.SpooledTemporaryFile(SPOOL) as spool:
        for piece in pieces:
            spool.write(piece)
        spool.seek(0)
        while piece := spool.read(codec.PIECE):
            yield piece


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise EngineError(62, "SYNTAX_ERROR", f"the statement is not valid UTF-8 at byte {error.start}") from error


def _readonly() -> EngineError:
    return EngineError(
        164,
        "READONLY",
        "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
        "You should use method POST for modifying queries",
    )
