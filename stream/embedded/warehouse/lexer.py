"""ClickHouse's tokens, as its own lexer cuts them. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

_TOKEN: Final = re.compile(
    rb"""
      (?P<skip>\s+|--[^\n]*|//[^\n]*|\#[ !][^\n]*)
    | (?P<comment>/\*)
    | (?P<string>'(?:[^'\\]|\\.|'')*'|[xXbB]'[0-9a-fA-F]*'|\$(?P<tag>[^$]*)\$.*?\$(?P=tag)\$
        |\xe2\x80\x98.*?\xe2\x80\x99)
    | (?P<name>"(?:[^"\\]|\\.|"")*"|`(?:[^`\\]|\\.|``)*`|\xe2\x80\x9c.*?\xe2\x80\x9d)
    | (?P<word>[A-Za-z_$][\w$]*)
    | (?P<mark>\d[\w.]*|.)
    """,
    re.DOTALL | re.VERBOSE,
)
_COMMENT_EDGE: Final = re.compile(rb"/\*|\*/")
_ESCAPE: Final = re.compile(rb"\\(.)|([\"`])\2", re.DOTALL)


class Kind(Enum):
    """What a token is."""

    WORD = "word"
    NAME = "name"
    """A quoted identifier."""
    STRING = "string"
    MARK = "mark"
    """Punctuation, or a number."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `depth` counts the round brackets around it."""

    kind: Kind
    text: bytes
    start: int
    end: int
    depth: int

    @property
    def word(self) -> bytes:
        """Upper case for words, the character for punctuation, empty for what is quoted."""
        return self.text.upper() if self.kind is Kind.WORD else self.text if self.kind is Kind.MARK else b""

    @property
    def identifier(self) -> str:
        """The name that a word or a quoted identifier stands for, in lower case; empty for other tokens."""
        if self.kind is Kind.WORD:
            return self.text.decode().lower()
        if self.kind is Kind.NAME:
            width = 3 if self.text[:1] == b"\xe2" else 1
            inner = _ESCAPE.sub(lambda match: match[1] or match[2], self.text[width:-width])
            return inner.decode("utf-8", "replace").lower()
        return ""


def tokens(text: bytes) -> Iterator[Token]:
    """Cut `text` into tokens; blanks and comments are left out."""
    position, depth = 0, 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        assert match is not None  # the last alternative takes any byte
        position = match.end()
        if match.lastgroup == "comment":
            position = _comment_end(text, position)
        elif match.lastgroup != "skip":
            # A heredoc's inner group is the last one matched.
            kind = Kind.STRING if match["string"] is not None else Kind(match.lastgroup)
            if match[0] == b")":
                depth -= 1
            yield Token(kind, match[0], match.start(), position, depth)
            if match[0] == b"(":
                depth += 1


def _comment_end(text: bytes, position: int) -> int:
    """Where the comment that was opened before `position` ends; comments nest."""
    level = 1
    for edge in _COMMENT_EDGE.finditer(text, position):
        level += 1 if edge[0] == b"/*" else -1
        if level == 0:
            return edge.end()
    return len(text)
