"""The parts of a statement that the interface itself must know: its verb, its format, where its data begin. Pure.

Only tokens are told apart (strings, quoted names, comments, words); the engine alone parses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

MAX_HEAD: Final = 262_144
"""An INSERT's data begin within this many bytes, or it is no INSERT with data (the engine's own max_query_size)."""

_TOKEN = re.compile(
    rb"""
      (?P<skip>\s+|--[^\n]*|\#[ !][^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<quoted>'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    | (?P<word>[A-Za-z_]\w*)
    | (?P<other>\d[\w.]*|.)
    """,
    re.DOTALL | re.VERBOSE,
)
_ANSWERING: Final = frozenset(
    b"SELECT WITH FROM SHOW DESC DESCRIBE EXPLAIN EXISTS CHECK KILL BACKUP RESTORE VALUES TABLE".split()
)


@dataclass(frozen=True, slots=True)
class Statement:
    """What the interface knows of a statement."""

    verb: bytes
    """First word in upper case; empty where there is none."""
    text: bytes
    """The statement itself, without inline data."""
    format: str
    """The format it names; empty where it names none."""
    data: bytes | None
    """Inline data of an INSERT that takes data; None for every other statement."""
    touches_files: bool
    """It has INTO OUTFILE or FROM INFILE: files of this machine, which no HTTP client may touch."""

    @property
    def answers(self) -> bool:
        """Whether it has a result set."""
        return self.verb in _ANSWERING or self.verb == b"("


@dataclass(frozen=True, slots=True)
class _Token:
    word: bytes
    """Upper case; the character itself for punctuation; empty for strings and quoted names."""
    start: int
    end: int
    depth: int


def parse(text: bytes) -> Statement:
    """Read the statement at the start of `text`; what follows an INSERT's FORMAT or VALUES is its data."""
    tokens = _tokens(text)
    first = next(tokens, None)
    if first is None:
        return Statement(b"", text.strip(), "", None, touches_files=False)
    if first.word == b"INSERT":
        return _insert(text, tokens)
    return _query(text, first, tokens)


def _tokens(text: bytes) -> Iterator[_Token]:
    depth = 0
    for match in _TOKEN.finditer(text):
        if match.lastgroup == "skip":
            continue
        found = match[0]
        quoted = match.lastgroup != "word" and match.lastgroup != "other"
        if found == b")":
            depth -= 1
        yield _Token(b"" if quoted else found.upper(), match.start(), match.end(), depth)
        if found == b"(":
            depth += 1


def _query(text: bytes, first: _Token, tokens: Iterator[_Token]) -> Statement:
    name, files, previous, before = b"", False, first, first
    for token in tokens:
        if (before.word, previous.word) == (b"", b""):
            pass
        if previous.word == b"FORMAT" and previous.depth == 0 and token.depth == 0:
            name = text[token.start : token.end]
        elif token.word == b"OUTFILE" and previous.word == b"INTO":
            files = True
        elif token.word == b"INFILE" and previous.word == b"FROM":
            files = True
        before, previous = previous, token
    return Statement(first.word, text, name.decode("utf-8", "replace"), None, touches_files=files)


def _insert(text: bytes, tokens: Iterator[_Token]) -> Statement:
    previous = b"INSERT"
    for token in tokens:
        if token.start > MAX_HEAD:
            break
        if token.depth == 0:
            if token.word in (b"SELECT", b"WITH") or (token.word == b"INFILE" and previous == b"FROM"):
                break
            if token.word == b"FORMAT":
                name = next(tokens, None)
                if name is None:
                    break
                return Statement(
                    b"INSERT",
                    text[: token.start],
                    text[name.start : name.end].decode("utf-8", "replace"),
                    _after_newline(text[name.end :]),
                    touches_files=False,
                )
            if token.word == b"VALUES":
                return Statement(b"INSERT", text[: token.start], "Values", text[token.end :], touches_files=False)
        previous = token.word
    rest = _query(text, _Token(b"INSERT", 0, 0, 0), _tokens(text))
    return Statement(b"INSERT", text, rest.format, None, touches_files=rest.touches_files)


def _after_newline(data: bytes) -> bytes:
    """Drop the blanks up to and with the line end after the format's name: the first byte of data may be any byte."""
    stripped = data.lstrip(b" \t")
    if stripped[:1] == b";":
        stripped = stripped[1:].lstrip(b" \t")
    for end in (b"\r\n", b"\n"):
        if stripped.startswith(end):
            return stripped[len(end) :]
    return stripped
