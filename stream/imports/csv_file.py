"""CSV files: comma, tab or semicolon between cells, quotes as spreadsheets write them."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self, TextIO

from stream.base.errors import InputError
from stream.imports.rows import MAX_COLUMNS, MAX_ROW_CHARACTERS, BadRow, Row
from stream.mapping import Table

_DELIMITERS: Final = ",\t;"
_GUARDED = re.compile(r"'(?=[=+\-@\t\r0-9])")
"""An apostrophe that makes text of what a spreadsheet would take for a formula or a number."""
_QUOTED_BY_FORMULA = re.compile(r'="([^"]*)"')
"""How shops keep a spreadsheet from taking an order's id for a number. It computes nothing; other formulas are text."""


class CsvFile:
    """A CSV file; the head line is read at once."""

    def __init__(self, path: Path, encoding: str) -> None:
        """Raises InputError when there is no head line."""
        self.encoding = encoding
        self._size = max(1, path.stat().st_size)
        self._raw = path.open("rb")
        self._text = io.TextIOWrapper(self._raw, encoding, newline="")
        self._number = 0
        try:
            delimiter = _delimiter(self._text)
            self._lines = _Lines(self._text)
            self._reader = csv.reader(self._lines, delimiter=delimiter, strict=True)
            self.columns = self._head()
        except InputError:
            self.close()
            raise
        self.shape = Table(self.columns, clean)

    def rows(self) -> Iterator[Row]:
        """See `stream.imports.rows.Rows`."""
        reader, lines, width = self._reader, self._lines, len(self.columns)
        number, line = self._number, reader.line_num
        while True:
            number += 1
            try:
                for cells in reader:
                    lines.left = MAX_ROW_CHARACTERS
                    if len(cells) == width and (cells[0] or any(map(str.strip, cells))):
                        yield number, cells
                    elif len(cells) != width and any(map(str.strip, cells)):
                        yield number, _uneven(cells, width)
                    number += 1
                    line = reader.line_num
            except csv.Error as error:
                yield number, _unreadable(error, line + 1, reader.line_num)
                line = reader.line_num
            except UnicodeDecodeError as error:
                raise InputError(f"changed while it was read (row {number}: {error.reason})", field="file") from error
            else:
                return

    def fraction(self) -> float:
        """See `stream.imports.rows.Rows`."""
        return min(1.0, self._raw.tell() / self._size)

    def close(self) -> None:
        """Release the file."""
        self._text.close()

    def _head(self) -> tuple[str, ...]:
        try:
            for cells in self._reader:
                self._number += 1
                if any(map(str.strip, cells)):
                    return _columns(cells)
        except csv.Error as error:
            raise InputError(f"is no CSV: its head line cannot be read ({error})", field="file") from error
        raise InputError("is empty; the first line names the columns", field="file")


class _Lines:
    """The lines of a file; more than a row may have, in one line or within quotes over many, is an error of the row."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self.left = MAX_ROW_CHARACTERS
        """Of the row that is being read."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._text.readline(MAX_ROW_CHARACTERS)
        if not line:
            raise StopIteration
        self.left -= len(line)
        if self.left <= 0:
            while line and line[-1] not in "\r\n":
                line = self._text.readline(MAX_ROW_CHARACTERS)
            self.left = MAX_ROW_CHARACTERS
            raise csv.Error(f"more than {MAX_ROW_CHARACTERS} characters")
        return line


def clean(cell: Any) -> str | None:
    """The text that a cell stands for; a formula is text like any other and never run."""
    text: str = cell.strip()
    if text[:1] in {"'", "="}:
        quoted = _QUOTED_BY_FORMULA.fullmatch(text)
        text = quoted[1].strip() if quoted else _GUARDED.sub("", text, count=1) if text[0] == "'" else text
    return text or None


def _columns(cells: list[str]) -> tuple[str, ...]:
    if len(cells) > MAX_COLUMNS:
        raise InputError(f"its head line has {len(cells)} columns; at most {MAX_COLUMNS} are read", field="file")
    return tuple(cell.strip() for cell in cells)


def _uneven(cells: list[str], width: int) -> BadRow:
    return BadRow("row", f"has {len(cells)} cells, the head line {width}; check commas and quotes")


def _unreadable(error: csv.Error, first: int, last: int) -> BadRow:
    where = f"line {first}" if last <= first else f"lines {first} to {last} together"
    return BadRow("row", f"{where}: no CSV ({error}); check for a quote that is not closed")


def _delimiter(text: TextIO) -> str:
    """The delimiter that the head line has most of; the text is at its start again afterwards."""
    head = text.readline(MAX_ROW_CHARACTERS)
    text.seek(0)
    return max(_DELIMITERS, key=head.count)
