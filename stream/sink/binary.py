"""RowBinary, how ClickHouse reads rows as bytes: little-endian integers, texts and arrays behind their length."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

_KEPT = 1 << 15
"""Encoded fragments kept per kind; beyond it the cache starts anew, which costs a few milliseconds."""


def length(count: int) -> bytes:
    """An unsigned LEB128 number: seven bits a byte, lowest first."""
    out = bytearray()
    while count > 0x7F:
        out.append(count & 0x7F | 0x80)
        count >>= 7
    out.append(count)
    return bytes(out)


_SHORT = tuple(length(count) for count in range(1 << 11))


def blob(value: bytes) -> bytes:
    """A String column's value of any bytes."""
    try:
        return _SHORT[len(value)] + value
    except IndexError:
        return length(len(value)) + value


def text(value: str) -> bytes:
    """A String or LowCardinality(String) column's value. A lone surrogate, which UTF-8 cannot have, becomes '?'."""
    encoded = value.encode("utf-8", "replace")
    try:
        return _SHORT[len(encoded)] + encoded
    except IndexError:
        return length(len(encoded)) + encoded


def texts(values: Iterable[str]) -> bytes:
    """The values of several String columns that follow each other."""
    return b"".join(map(text, values))


def array(values: Iterable[str]) -> bytes:
    """An Array(String) column's value."""
    encoded = [text(value) for value in values]
    return length(len(encoded)) + b"".join(encoded)


class Fragments(dict[Any, bytes]):
    """Encoded bytes per object or value; what is not there yet is encoded and kept, up to a bound."""

    def __init__(self, encode: Callable[[Any], bytes]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, key: Hashable) -> bytes:
        if len(self) >= _KEPT:
            self.clear()
        encoded = self[key] = self._encode(key)
        return encoded
