"""Native, how ClickHouse reads a block column by column: what RowBinary does once a value is done once a column."""

from collections.abc import Sequence
from itertools import chain
from struct import pack
from typing import NamedTuple

from stream.sink.binary import length, text


class Column(NamedTuple):
    """One column of a block."""

    name: str
    type: str
    values: bytes


def block(columns: Sequence[Column], rows: int) -> bytes:
    """A block of so many rows."""
    named = ((text(column.name), text(column.type), column.values) for column in columns)
    return length(len(columns)) + length(rows) + b"".join(chain.from_iterable(named))


def numbers(code: str, values: Sequence[float]) -> bytes:
    """Numbers of one width, by their code of `struct`; so times in milliseconds (q) and money in units (q)."""
    return pack(f"<{len(values)}{code}", *values)
