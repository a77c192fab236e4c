"""Native, how ClickHouse reads a block column by column: what is done once a value in RowBinary is done once a column.

Rows of customers, of 31 columns, take 5.6 us of processor each instead of 7.3, and 3.5 in the engine instead of 4.6
(2026-11). A column may say String where the table has LowCardinality(String): the engine converts.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate, chain
from operator import not_
from struct import pack
from typing import Any, Final, NamedTuple

from stream.sink.binary import Fragments, length, text

TIME: Final = "DateTime64(3, 'UTC')"
NULLABLE_TIME: Final = f"Nullable({TIME})"
MONEY: Final = "Decimal(18, 4)"


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


def nullable_times(values: Sequence[int | None]) -> bytes:
    """Times in milliseconds, None for NULL."""
    return bytes(map(not_, values)) + numbers("q", [at_ms or 0 for at_ms in values])


def words(values: Iterable[str]) -> bytes:
    """Texts that come again and again."""
    return b"".join(map(_words.__getitem__, values))


_words: Final = Fragments(text)


def ends(arrays: Iterable[Sequence[Any]]) -> bytes:
    """Where each array ends; the values of all of them, in their order, follow."""
    return numbers("Q", list(accumulate(map(len, arrays))))


def transposed(rows: Iterable[Sequence[Any]], width: int) -> Sequence[Sequence[Any]]:
    """The columns of some rows, or of none."""
    return list(zip(*rows, strict=True)) or [()] * width
