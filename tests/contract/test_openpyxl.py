"""What `stream.imports.workbook` assumes of the inside of openpyxl."""

import inspect
from pathlib import Path
from zipfile import ZipFile

from openpyxl import load_workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from tests.support.imports import workbook


def test_a_sheet_that_is_read_as_a_stream_has_what_its_parser_needs(tmp_path: Path) -> None:
    path = workbook(tmp_path / "book.xlsx", [["a", 1, None, "=1+1"]])
    with path.open("rb") as file:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        assert isinstance(sheet, ReadOnlyWorksheet)
        for name in ("_get_source", "_shared_strings"):
            assert hasattr(sheet, name)
        for name in ("epoch", "_date_formats", "_timedelta_formats"):
            assert hasattr(book, name)
        book.close()


def test_the_parser_gives_numbered_rows_of_cells(tmp_path: Path) -> None:
    path = workbook(tmp_path / "book.xlsx", [["a", 1], [None, "=1+1"]])
    with ZipFile(path) as archive, archive.open("xl/worksheets/sheet1.xml") as source:
        rows = list(WorkSheetParser(source, ["a"], data_only=True).parse())
    assert [number for number, _ in rows] == [1, 2]
    assert {"column", "value", "data_type"} <= rows[0][1][0].keys()
    assert rows[1][1][-1]["value"] is None, "a formula without a result looks like an empty cell"
    assert FORMULA_TAG.endswith("}f")


def test_rows_and_cells_are_parsed_by_methods_that_can_be_replaced() -> None:
    assert list(inspect.signature(WorkSheetParser.parse_row).parameters) == ["self", "row"]
    assert list(inspect.signature(WorkSheetParser.parse_cell).parameters) == ["self", "element"]
    assert {"src", "shared_strings", "data_only", "epoch", "date_formats", "timedelta_formats"} <= set(
        inspect.signature(WorkSheetParser).parameters
    )
