"""RowBinary, how ClickHouse reads rows as bytes: little-endian integers, texts and arrays behind their length."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import chain
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
LENGTHS = tuple(map(chr, range(0x80)))
"""Lengths of one byte, as the ASCII characters that they are in UTF-8."""


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
    """The values of some String columns that follow each other."""
    return b"".join(map(text, values))


def text_column(values: Sequence[str]) -> bytes:
    """Many values of one String column: as `texts`, in two thirds of its time where they are short and ASCII."""
    try:
        written = "".join(chain.from_iterable(zip(map(LENGTHS.__getitem__, map(len, values)), values, strict=True)))
    except IndexError:
        return texts(values)
    return written.encode() if written.isascii() else texts(values)


def blob_column(values: Sequence[bytes]) -> bytes:
    """Many values of one String column of any bytes."""
    try:
        return b"".join(chain.from_iterable(zip(map(_SHORT.__getitem__, map(len, values)), values, strict=True)))
    except IndexError:
        return b"".join(map(blob, values))


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
