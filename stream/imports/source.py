"""Opens a file by what it is."""

from pathlib import Path

from stream.base.errors import InputError
from stream.imports import encodings
from stream.imports.csv_file import CsvFile
from stream.imports.ndjson_file import NdjsonFile
from stream.imports.rows import Rows
from stream.imports.workbook import Workbook

_NDJSON = frozenset({".ndjson", ".jsonl"})
_ZIP = b"PK\x03\x04"
_OLD_EXCEL = b"\xd0\xcf\x11\xe0"


def open_rows(path: Path, *, encoding: str, sheet: str) -> Rows:
    """The rows of a CSV, XLSX or NDJSON file; what it is is told by its first bytes, and NDJSON by its name.

    Raises:
        InputError: it cannot be read, is something else, or in no encoding that is known.
    """
    try:
        if not path.is_file():
            raise InputError(f"{path} is no file", field="file")
        with path.open("rb") as file:
            start = file.read(4)
        if start == _ZIP:
            return Workbook(path, sheet)
        if start == _OLD_EXCEL:
            raise InputError("is an old workbook (.xls); save it as .xlsx or CSV UTF-8", field="file")
        if sheet:
            raise InputError("goes with a workbook, and this is text", field="--sheet")
        kind = NdjsonFile if path.suffix.lower() in _NDJSON else CsvFile
        return kind(path, encodings.detect(path, encoding))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", field="file") from error
