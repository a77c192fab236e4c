"""XLSX files: dates, numbers, formulas, and files that are made to hurt."""

import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stream.base.errors import InputError
from stream.imports import workbook as module
from tests.support.imports import HEAD, taken, with_part, workbook

COLUMNS = HEAD.split(",")
AT = datetime(2026, 11, 11, 20)  # noqa: DTZ001 - as a spreadsheet has it
SHEET = "xl/worksheets/sheet1.xml"
NAMESPACE = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.xlsx"


def sheet(*rows: str, head: str = "") -> bytes:
    """XML of a sheet with the columns of orders."""
    names = "".join(f'<c t="inlineStr"><is><t>{name}</t></is></c>' for name in COLUMNS)
    body = f"<row>{names}</row>{''.join(rows)}"
    return f'{head}<worksheet xmlns="{NAMESPACE}"><sheetData>{body}</sheetData></worksheet>'.encode()


def text(value: str) -> str:
    return f'<c t="inlineStr"><is><t>{value}</t></is></c>'


def made(file: Path, *rows: str, head: str = "") -> Path:
    return with_part(workbook(file, [COLUMNS]), SHEET, sheet(*rows, head=head))


def test_dates_numbers_and_texts_are_what_they_look_like(file: Path) -> None:
    rows: list[list[Any]] = [
        COLUMNS,
        ["E1", AT, 168.5, "wm1", 7],
        [1002, "2026-11-11 20:00:00", "¥1,068.50", "wm2", 7.0],
        [],
        ["E3", date(2026, 11, 11), 19.989999999999998, None, "g3"],
        [f"{10**17}", 46337.833333333336, 5, "wm4", "007"],
    ]
    found = taken(workbook(file, rows))
    assert found.problems == []
    assert [(event["order_id"], event["amount"], event["guide_id"]) for event in found.events] == [
        ("E1", "168.5", "7"),
        ("1002", "1068.5", "7"),
        ("E3", "19.99", "g3"),
        ("100000000000000000", "5", "007"),
    ]
    assert [event["occurred_at"] for event in found.events] == [
        1_794_398_400_000,
        1_794_398_400_000,
        1_794_326_400_000,
        1_794_398_400_000,
    ]


def test_an_order_of_more_digits_than_a_spreadsheet_keeps_is_refused(file: Path) -> None:
    row = f"<row><c><v>1.2345678901234568E+18</v></c>{text('2026-11-11')}<c><v>5</v></c></row>"
    (problem,) = taken(made(file, row)).problems
    assert (problem.row, problem.field) == (2, "order_id")
    assert "lost digits" in problem.detail


def test_texts_in_parts_are_whole_and_their_pronunciation_is_left_out(file: Path) -> None:
    parts = '<c t="inlineStr"><is><r><t>E</t></r><r><t>1</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c>'
    (event,) = taken(made(file, f"<row>{parts}{text('2026-11-11')}<c><v>5</v></c></row>")).events
    assert event["order_id"] == "E1"


def test_formulas_count_by_their_saved_result_and_without_one_are_a_problem(file: Path) -> None:
    rows = (
        f"<row>{text('E1')}{text('2026-11-11')}<c><f>84*2</f><v>168</v></c></row>",
        f"<row>{text('E2')}{text('2026-11-11')}<c><f>84*2</f></c></row>",
        f'<row>{text("E3")}{text("2026-11-11")}<c t="e"><v>#N/A</v></c></row>',
        f"<row>{text('E4')}{text('2026-11-11')}<c><v>5</v></c></row>",
    )
    found = taken(made(file, *rows))
    assert [(event["order_id"], event["amount"]) for event in found.events] == [("E1", "168"), ("E4", "5")]
    assert [(problem.row, problem.field) for problem in found.problems] == [(3, "实付金额"), (4, "实付金额")]
    assert "formula" in found.problems[0].detail
    assert "#N/A" in found.problems[1].detail


def test_a_formula_that_this_library_writes_has_no_result(file: Path) -> None:
    found = taken(workbook(file, [COLUMNS, ["E1", AT, "=84*2", "wm1", "g1"]]))
    assert [problem.row for problem in found.problems] == [2]


def test_a_time_of_day_or_a_length_of_time_is_no_time(file: Path) -> None:
    found = taken(workbook(file, [COLUMNS, ["E1", AT.time(), 5], ["E2", timedelta(hours=30), 5]]))
    assert [(problem.row, problem.field) for problem in found.problems] == [(2, "occurred_at"), (3, "occurred_at")]


def test_the_first_visible_sheet_is_taken_or_the_one_that_is_named(file: Path) -> None:
    workbook(file, [COLUMNS, ["E1", AT, 5]], title="订单", more="其他")
    assert len(taken(file).events) == 1
    assert len(taken(file, sheet="订单").events) == 1
    with pytest.raises(InputError, match="there is no sheet '退款'; there are 订单, 其他"):
        taken(file, sheet="退款")
    with pytest.raises(InputError, match="has not the columns"):
        taken(file, sheet="其他")


def test_rows_and_columns_may_be_missing_and_cells_lie_beyond_the_head(file: Path) -> None:
    rows = (
        f'<row r="5">{text("E1")}{text("2026-11-11")}<c r="C5"><v>5</v></c><c r="XFD5"><v>9</v></c></row>',
        '<row r="9"><c r="ZZZ9"><v>1</v></c></row>',
    )
    found = taken(made(file, *rows))
    assert [event["order_id"] for event in found.events] == ["E1"]
    assert found.counts.rows == 1


def test_a_workbook_that_is_empty_is_said_to_be(file: Path) -> None:
    with pytest.raises(InputError, match="empty"):
        taken(workbook(file, []))


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x03\x04" + bytes(500)])
def test_what_is_no_workbook_is_refused(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    with pytest.raises(InputError, match="no workbook"):
        taken(file)


def test_an_archive_of_something_else_is_refused(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(InputError, match="no workbook"):
        taken(file)


@pytest.mark.parametrize(
    "row",
    [
        "<row><c><v>",
        '<row r="x"><c><v>1</v></c></row>',
        '<row><c t="s"><v>999999</v></c></row>',
        '<row><c t="s"><v>x</v></c></row>',
        '<row><c r="??"><v>1</v></c></row>',
        '<row><c s="x"><v>1</v></c></row>',
        '<row><c t="d"><v>never</v></c></row>',
        "<row><c><v>&unknown;</v></c></row>",
        '<row r="99999999999"><c><v>1</v></c></row>',
        "</sheetData></worksheet>",
    ],
)
def test_a_sheet_that_is_broken_inside_ends_with_the_row_before(file: Path, row: str) -> None:
    good = f"<row>{text('E1')}{text('2026-11-11')}<c><v>5</v></c></row>"
    with pytest.raises(InputError, match=r"behind row 2|can be read|more than 1048576 rows"):
        taken(made(file, good, row))


def test_entities_do_not_expand(file: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<!DOCTYPE x [<!ENTITY e0 "lol">{levels}]>'
    with pytest.raises(InputError, match=f"{SHEET} in it declares a document type"):
        taken(made(file, "<row><c><v>&e9;</v></c></row>", head=head))


@pytest.mark.parametrize("head", [f"<!-- {'x' * 70_000} -->", " <?pi x?><!DOCTYPE worksheet>"])
def test_a_declaration_is_found_wherever_it_hides(file: Path, head: str) -> None:
    with pytest.raises(InputError, match="in it declares a document type"):
        taken(made(file, f"<row>{text('E1')}</row>", head=head))


@pytest.mark.parametrize("part", ["xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml"])
def test_other_parts_declare_no_types_either(file: Path, part: str) -> None:
    with pytest.raises(InputError, match=f"{part} in it declares a document type"):
        taken(with_part(workbook(file, [COLUMNS]), part, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"text", b"\xff\xfe"])
def test_parts_that_are_no_xml_are_none_of_our_business(file: Path, content: bytes) -> None:
    assert taken(with_part(workbook(file, [COLUMNS]), "xl/media/image1.png", content)).problems == []


def test_a_row_that_would_fill_the_memory_is_refused(file: Path) -> None:
    with pytest.raises(InputError, match="a row of it has more than"):
        taken(made(file, f"<row>{text('x' * 6_000_000)}</row>"))


def test_a_part_that_would_fill_the_memory_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_PART_BYTES", 50)
    with pytest.raises(InputError, match="at most 50 are read"):
        taken(workbook(file, [COLUMNS]))
