"""The rows of a sheet, read as a stream."""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import IO, Any, Final

from stream.imports.archive import MAX_DEPTH, Ended, Local, parser, stream, too_deep
from stream.imports.cells import NOT_COMPUTED, Bad, Cells
from stream.imports.rows import BadRow, Row

MAX_ROWS: Final = 1_048_576
"""Of a sheet, by the format."""
MAX_WIDTH: Final = 16_384
"""Columns of a sheet, likewise."""
_DIGITS: Final = "0123456789"


def read_rows(part: IO[bytes], columns: Sequence[str], cells: Cells) -> Iterator[Row]:
    """Rows that are not empty, as lists as long as `columns`; cells beyond these are left out.

    Raises:
        InputError: nothing can be read from here on.
    """
    return _Handlers(columns, cells).rows(part)


def read_first(part: IO[bytes], cells: Cells) -> Row | None:
    """The first row that is not empty, as wide as a sheet can be; None if there is none. Raises InputError."""
    return next(_Handlers(("",) * MAX_WIDTH, cells, only_first=True).rows(part), None)


class _Handlers:
    """Puts a row together. Of a cell at `at`: its attributes, whether it has a formula, and the parts of its text."""

    def __init__(self, columns: Sequence[str], cells: Cells, *, only_first: bool = False) -> None:
        self._made: list[Row] = []
        self._reader = parser()
        self._reader.StartElementHandler, self._reader.EndElementHandler = self._start, self._end
        self._columns, self._cells, self._tags = columns, cells, Local()
        self._row: list[Any] = [None] * len(columns)
        self._bad: BadRow | None = None
        self._filled = self._formula = False
        self._only_first = only_first
        self._number = self._done = self._depth = 0
        self._at = -1
        self._attributes: dict[str, str] = {}
        self._texts: list[str] = []

    def rows(self, part: IO[bytes]) -> Iterator[Row]:
        return stream(part, self._reader, self._made, lambda: f" behind row {self._done}")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep()
        tag = self._tags[name]
        if tag == "c":
            self._attributes = attributes
            self._formula = False
            place = attributes.get("r")
            self._at = _column(place.rstrip(_DIGITS)) if place else self._at + 1
        elif tag in {"v", "t"}:
            self._reader.CharacterDataHandler = self._texts.append
        elif tag == "row":
            self._number = _number(attributes.get("r"), self._number)
            self._at = -1
        elif tag == "f":
            self._formula = True
        elif tag == "rPh":  # how to pronounce it
            self._reader.StartElementHandler = self._start_within

    def _start_within(self, *_: Any) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise too_deep()

    def _end(self, name: str) -> None:
        self._depth -= 1
        tag = self._tags[name]
        if tag in {"v", "t"}:
            self._reader.CharacterDataHandler = None
        elif tag == "c":
            self._cell()
        elif tag == "row":
            self._whole()
        elif tag == "rPh":
            self._reader.StartElementHandler = self._start
        elif tag == "sheetData":
            raise Ended

    def _cell(self) -> None:
        texts, at = self._texts, self._at
        if at >= len(self._row):
            texts.clear()
            return
        attributes = self._attributes
        kind = attributes.get("t")
        value: Any = None
        if texts:
            value = self._cells.value(kind, attributes.get("s"), texts[0] if len(texts) == 1 else "".join(texts))
            texts.clear()
        elif self._formula and kind != "str":  # with it, the result is an empty text
            value = NOT_COMPUTED
        if value is None:
            return
        if type(value) is Bad:
            self._bad = self._bad or BadRow(self._columns[at] or "row", value.detail)
        self._row[at] = value
        self._filled = True

    def _whole(self) -> None:
        self._done = self._number
        self._texts.clear()  # of what was no cell
        if self._filled:
            self._made.append((self._number, self._bad or self._row))
            if self._only_first:
                raise Ended
            self._row = [None] * len(self._columns)
            self._filled, self._bad = False, None


def _number(given: str | None, last: int) -> int:
    number = int(given) if given else last + 1
    if not last < number <= MAX_ROWS:
        raise ValueError(f"there is a row {number} behind row {last}; a sheet has {MAX_ROWS} at most")
    return number


@cache
def _column(letters: str) -> int:
    if not 0 < len(letters) <= 3 or letters.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"):
        raise ValueError(f"there is no column {letters[:20]}")
    at = 0
    for letter in letters:
        at = at * 26 + ord(letter) - ord("A") + 1
    return at - 1
