"""The parts of a statement that the interface itself must know: its verb, its format, where its data begin. Pure.

Nothing here decides what may run: `guard` and the engine do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from stream.embedded.warehouse.lexer import Kind, Token, tokens

MAX_HEAD: Final = 262_144
"""An INSERT's data begin within this many bytes, or it is no INSERT with data (the engine's own max_query_size)."""

_ANSWERING: Final = frozenset(
    b"SELECT WITH FROM SHOW DESC DESCRIBE EXPLAIN EXISTS CHECK KILL BACKUP RESTORE VALUES TABLE (".split()
)
_STREAMING: Final = frozenset(b"SELECT WITH FROM (".split())


@dataclass(frozen=True, slots=True)
class Statement:
    """What the interface knows of a statement."""

    verb: bytes
    """First word in upper case; empty where there is none."""
    text: bytes
    """The statement itself, without inline data."""
    format: str = ""
    """The format it names; empty where it names none."""
    data: bytes | None = None
    """Inline data of an INSERT that takes data; None for every other statement."""
    totals: bool = False
    """It may have totals, which come after the rows."""

    @property
    def answers(self) -> bool:
        """Whether it has a result set."""
        return self.verb in _ANSWERING

    @property
    def streams(self) -> bool:
        """Whether the engine can hand out its result in pieces."""
        return self.verb in _STREAMING and not self.totals


def parse(text: bytes) -> Statement:
    """Read the statement at the start of `text`; what follows an INSERT's FORMAT or VALUES is its data."""
    found = tokens(text)
    first = next(found, None)
    if first is None:
        return Statement(b"", b"")
    if first.word == b"INSERT":
        return _insert(text, found)
    return _query(text, first, found)


def _query(text: bytes, first: Token, rest: Iterator[Token]) -> Statement:
    name, totals, previous = "", False, first
    for token in rest:
        if previous.word == b"FORMAT" and previous.depth == 0 and token.kind is Kind.WORD:
            name = token.text.decode()
        totals |= token.word == b"TOTALS"
        previous = token
    return Statement(first.word, text, name, totals=totals)


def _insert(text: bytes, rest: Iterator[Token]) -> Statement:
    previous = b"INSERT"
    for token in rest:
        if token.start > MAX_HEAD:
            break
        if token.depth == 0:
            if token.word in (b"SELECT", b"WITH") or (token.word == b"INFILE" and previous == b"FROM"):
                break
            if token.word == b"VALUES":
                return Statement(b"INSERT", text[: token.start], "Values", text[token.end :])
            if token.word == b"FORMAT" and (name := next(rest, None)) is not None:
                data = _after_line_end(text[name.end :])
                return Statement(b"INSERT", text[: token.start], name.text.decode("utf-8", "replace"), data)
        previous = token.word
    return Statement(b"INSERT", text)


def _after_line_end(data: bytes) -> bytes:
    """Drop the blanks up to and with the line end after the format's name: the first byte of data may be any byte."""
    stripped = data.lstrip(b" \t").removeprefix(b";").lstrip(b" \t")
    return stripped.removeprefix(b"\r").removeprefix(b"\n")
