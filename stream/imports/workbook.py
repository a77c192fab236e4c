"""XLSX files, read as a stream: values only, formulas by the result that was saved with them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, NamedTuple

from stream.base.errors import InputError
from stream.imports.archive import MAX_STRINGS_BYTES, Archive
from stream.imports.cells import Cells, date_styles, read_strings
from stream.imports.rows import MAX_COLUMNS, BadRow, Row
from stream.imports.sheet import read_first, read_rows
from stream.mapping import Table


class _Sheet(NamedTuple):
    title: str
    visible: bool
    part: str


class Workbook:
    """One sheet of a workbook; the first visible one unless `sheet` names another."""

    def __init__(self, path: Path, sheet: str = "") -> None:
        """Raises InputError when it is no workbook, too large to be read safely, or has no such sheet."""
        self._archive = Archive(path)
        self._part: IO[bytes] | None = None
        try:
            sheets, self._cells = _opened(self._archive)
            chosen = _chosen(sheets, sheet)
            self._sheet = chosen.part
            self._start, self.columns = self._head()
        except InputError:
            self._archive.close()
            raise
        self.encoding = f"XLSX, sheet {chosen.title}"
        self.shape = Table(self.columns, clean)

    def rows(self) -> Iterator[Row]:
        """See `stream.imports.rows.Rows`."""
        self._part, self._size = self._archive.open_sheet(self._sheet)
        with self._part as part:
            for row in read_rows(part, self.columns, self._cells):
                if row[0] > self._start:
                    yield row

    def fraction(self) -> float:
        """See `stream.imports.rows.Rows`."""
        return self._part.tell() / self._size if self._part and not self._part.closed else 0.0

    def close(self) -> None:
        """Release the file."""
        if self._part:
            self._part.close()
        self._archive.close()

    def _head(self) -> tuple[int, tuple[str, ...]]:
        part, _ = self._archive.open_sheet(self._sheet)
        with part:
            first = read_first(part, self._cells)
        if first is None:
            raise InputError("its sheet is empty; the first row names the columns", field="file")
        number, row = first
        if type(row) is BadRow:
            raise InputError(f"its head line cannot be used: a cell of it {row.detail}", field="file")
        width = max(at for at, value in enumerate(row, 1) if value is not None)
        if width > MAX_COLUMNS:
            raise InputError(f"its head line goes beyond column {MAX_COLUMNS}", field="file")
        return number, tuple("" if value is None else str(value).strip() for value in row[:width])


def clean(cell: Any) -> Any:
    """The value that a cell stands for."""
    if type(cell) is str:
        return cell.strip() or None
    # A length of time stands where a time of day beyond 24 hours was meant, which is no time.
    return str(cell) if isinstance(cell, timedelta) else cell


def _opened(archive: Archive) -> tuple[list[_Sheet], Cells]:
    """The sheets of a workbook, and what reads their cells."""
    name = _of_kind(archive.related(""), "officeDocument")
    parts = list(archive.related(name))
    by_id = {known: part for known, kind, part in parts if kind == "worksheet"}
    sheets: list[_Sheet] = []
    since_1904 = False
    for element, found in archive.elements(name, "workbook/workbookPr", "sheets/sheet"):
        if element == "workbook/workbookPr":
            since_1904 = found.get("date1904") in {"1", "true"}
            continue
        known = next((value for key, value in found.items() if key.endswith(":id")), "")
        if known in by_id:
            sheets.append(_Sheet(found.get("name", ""), found.get("state", "visible") == "visible", by_id[known]))
    styles = _of_kind(parts, "styles")
    dates = date_styles(archive, styles, since_1904=since_1904) if styles else {}
    return sheets, Cells(_strings(archive, _of_kind(parts, "sharedStrings")), dates)


def _strings(archive: Archive, name: str) -> list[str]:
    if not name:
        return []
    with archive.open(name, MAX_STRINGS_BYTES) as part:
        return read_strings(part)


def _of_kind(related: Iterable[tuple[str, str, str]], wanted: str) -> str:
    return next((part for _, kind, part in related if kind == wanted), "")


def _chosen(sheets: Sequence[_Sheet], wanted: str) -> _Sheet:
    if not sheets:
        raise InputError("is no workbook that can be read: it has no sheet", field="file")
    by_name = {sheet.title: sheet for sheet in sheets}
    if not wanted:
        return next((sheet for sheet in sheets if sheet.visible), sheets[0])
    if wanted not in by_name:
        raise InputError(f"there is no sheet {wanted!r}; there are {', '.join(by_name)[:300]}", field="--sheet")
    return by_name[wanted]
