"""XLSX files, read as a stream: values only, formulas by the result that was saved with them."""

import warnings
import zlib
from collections.abc import Generator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final
from zipfile import BadZipFile, ZipFile

from openpyxl import load_workbook
from openpyxl.worksheet._reader import FORMULA_TAG, INLINE_STRING, WorkSheetParser
from openpyxl.xml.constants import SHEET_MAIN_NS

from stream.base.errors import InputError
from stream.imports.doctype import has_doctype
from stream.imports.rows import MAX_COLUMNS, BadRow, Row
from stream.mapping import Table

MAX_ROWS: Final = 1_048_576
"""Of a sheet, by the format."""
_MAX_STRINGS_BYTES: Final = 128 * 1024**2
"""The table of texts is held in memory, in about three times its size."""
_MAX_PART_BYTES: Final = 16 * 1024**2
"""Styles and the like are, too."""
_MAX_RATIO: Final = 200
"""Of a sheet to its compressed size; rows that are all alike have about fifty."""
_MAX_ROW_BYTES: Final = 4 * 1024**2
"""Between two rows of a sheet's XML."""
_INLINE_TEXTS: Final = (
    f"{INLINE_STRING}/{{{SHEET_MAIN_NS}}}t",
    f"{INLINE_STRING}/{{{SHEET_MAIN_NS}}}r/{{{SHEET_MAIN_NS}}}t",
)
"""Plain, and in parts that look different; not what tells how to pronounce it."""
_STRINGS: Final = "xl/sharedStrings.xml"
_SHEETS: Final = "xl/worksheets/"


_Parsed = tuple[int, list[dict[str, Any]]]
"""Number of a row, and its cells as the library has them."""


class _Mark:
    """A cell whose value is not there."""

    def __init__(self, detail: str) -> None:
        self.detail = detail


_NOT_COMPUTED: Final = _Mark("is a formula without a saved result; open the file, save it, and import it again")
_ERROR: Final = _Mark("is an error of the spreadsheet, like #N/A, or a date that no calendar has")


class Workbook:
    """One sheet of a workbook; the first visible one unless `sheet` names another."""

    def __init__(self, path: Path, sheet: str = "") -> None:
        """Raises InputError when it is no workbook, too large to be read safely, or has no such sheet."""
        _check_parts(path)
        self._file = path.open("rb")
        self._read = 0
        try:
            self._book = _loaded(self._file)
            self._sheet = _chosen(self._book.worksheets, sheet)
            self._all = self._rows()
            self.columns = self._head()
        except InputError:
            self._file.close()
            raise
        self.encoding = f"XLSX, sheet {self._sheet.title}"
        self.shape = Table(self.columns, clean)

    def rows(self) -> Iterator[Row]:
        """See `stream.imports.rows.Rows`."""
        width = len(self.columns)
        for number, cells in self._all:
            row: list[Any] = [None] * width
            bad = None
            for cell in cells:
                value, at = cell["value"], cell["column"] - 1
                if value is None or not 0 <= at < width:
                    continue
                if type(value) is _Mark:
                    bad = bad or BadRow(self.columns[at] or "row", value.detail)
                row[at] = value
            if bad or any(value is not None for value in row):
                yield number, bad or row

    def fraction(self) -> float:
        """See `stream.imports.rows.Rows`."""
        return self._read / self._sheet.max_row if self._sheet.max_row else 0.0

    def close(self) -> None:
        """Release the file."""
        self._all.close()
        self._file.close()

    def _head(self) -> tuple[str, ...]:
        for _, cells in self._all:
            named = {cell["column"]: str(cell["value"]) for cell in cells if cell["value"] is not None}
            if named:
                if max(named) > MAX_COLUMNS:
                    raise InputError(f"its head line goes beyond column {MAX_COLUMNS}", field="file")
                return tuple(named.get(column, "").strip() for column in range(1, max(named) + 1))
        raise InputError("its sheet is empty; the first row names the columns", field="file")

    def _rows(self) -> Generator[_Parsed, None, None]:
        book, sheet = self._book, self._sheet
        with sheet._get_source() as source:  # noqa: SLF001 - tests/contract/test_openpyxl.py holds what this assumes
            metered = _Metered(source)
            parser = _Parser(
                metered,
                sheet._shared_strings,  # noqa: SLF001 - likewise
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,  # noqa: SLF001 - likewise
                timedelta_formats=book._timedelta_formats,  # noqa: SLF001 - likewise
            )
            parsed = parser.parse()
            while (row := self._next(parsed)) is not None:
                metered.left = _MAX_ROW_BYTES
                self._read = row[0]
                if self._read > MAX_ROWS:
                    raise InputError(f"has more than {MAX_ROWS} rows", field="file")
                yield row

    def _next(self, parsed: Iterator[_Parsed]) -> _Parsed | None:
        try:
            with warnings.catch_warnings(action="ignore"):
                return next(parsed, None)
        except InputError:
            raise
        except Exception as error:  # see above
            detail = f"cannot be read behind row {self._read} ({_said(error)}); save it anew"
            raise InputError(detail, field="file") from error


class _Parser(WorkSheetParser):
    """Marks what the library would give as an empty cell or as text; tests/contract holds what this assumes."""

    def parse_row(self, row: Any) -> _Parsed:
        # Without the height of each row, which the library keeps for ever.
        number = row.get("r")
        self.row_counter = int(number) if number else self.row_counter + 1
        self.col_counter = 0
        return self.row_counter, [self.parse_cell(cell) for cell in row]

    def parse_cell(self, element: Any) -> dict[str, Any]:
        inline = element.get("t") == "inlineStr"
        if inline:
            element.set("t", "str")  # what the library does with such a text takes it 17 us
        cell: dict[str, Any] = super().parse_cell(element)
        if inline:
            cell["value"] = (
                "".join(part.text or "" for path in _INLINE_TEXTS for part in element.iterfind(path)) or None
            )
        if cell["value"] is None and element.find(FORMULA_TAG) is not None:
            cell["value"] = _NOT_COMPUTED
        elif cell["data_type"] == "e":
            cell["value"] = _ERROR
        return cell


class _Metered:
    """A stream that ends with an error when too much comes within one row."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.left = _MAX_ROW_BYTES

    def read(self, size: int = -1, /) -> bytes:
        data: bytes = self._source.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise InputError(f"a row of it has more than {_MAX_ROW_BYTES} bytes", field="file")
        return data


def clean(cell: Any) -> Any:
    """The value that a cell stands for."""
    if type(cell) is str:
        return cell.strip() or None
    # A length of time stands where a time of day beyond 24 hours was meant, which is no time.
    return str(cell) if isinstance(cell, timedelta) else cell


def _loaded(file: BinaryIO) -> Any:
    try:
        with warnings.catch_warnings(action="ignore"):  # about styles and extensions, which nobody asked for
            return load_workbook(file, read_only=True, data_only=True, keep_links=False)
    except Exception as error:  # what is wrong inside makes the library fail in any way
        raise InputError(f"is no workbook that can be read ({_said(error)})", field="file") from error


def _check_parts(path: Path) -> None:
    try:
        with ZipFile(path) as archive:
            for part in archive.infolist():
                limit = _limit(part.filename.lstrip("/"), part.compress_size)
                if part.file_size > limit:
                    says = f"{part.filename[:60]} in it has {part.file_size} bytes, at most {limit} are read"
                    raise InputError(f"{says}; save it as CSV", field="file")
                with archive.open(part) as file:
                    if has_doctype(file):
                        says = f"{part.filename[:60]} in it declares a document type, as no spreadsheet program does"
                        raise InputError(f"{says}; save it as CSV", field="file")
    # The last three: a part that is encrypted or damaged.
    except (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise InputError(f"is no workbook (.xlsx): {_said(error)}", field="file") from error


def _limit(name: str, compressed: int) -> int:
    """Bytes that a part may have when it is unpacked."""
    if name.startswith(_SHEETS):
        return max(_MAX_PART_BYTES, compressed * _MAX_RATIO)
    return _MAX_STRINGS_BYTES if name == _STRINGS else _MAX_PART_BYTES


def _chosen(sheets: Any, wanted: str) -> Any:
    by_name = {sheet.title: sheet for sheet in sheets}
    visible = [sheet for sheet in sheets if sheet.sheet_state == "visible"]
    if (wanted and wanted not in by_name) or not by_name:
        raise InputError(f"there is no sheet {wanted!r}; there are {', '.join(by_name)[:300]}", field="--sheet")
    return by_name[wanted] if wanted else (visible or list(by_name.values()))[0]


def _said(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
