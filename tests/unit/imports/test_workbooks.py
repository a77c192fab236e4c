"""XLSX files: dates, numbers, formulas, and files that are made to hurt."""

import tracemalloc
import zipfile
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from stream.base.errors import InputError
from stream.imports import workbook as module
from stream.imports.archive import MAX_ITEM_BYTES, Archive
from stream.imports.cells import date_styles
from stream.imports.source import open_rows
from tests.support.imports import HEAD, taken, with_part, workbook

COLUMNS = HEAD.split(",")
AT = datetime(2026, 11, 11, 20)  # noqa: DTZ001 - as a spreadsheet has it
SHEET = "xl/worksheets/sheet1.xml"
STRINGS = "xl/sharedStrings.xml"
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


def good(number: str) -> str:
    return f"<row>{text(number)}{text('2026-11-11')}<c><v>5</v></c></row>"


def part_of(file: Path, name: str) -> bytes:
    with zipfile.ZipFile(file) as parts:
        return parts.read(name)


def with_strings(file: Path, texts: list[str]) -> Path:
    """A workbook with a common table of texts, which the library that writes the others leaves empty."""
    items = "".join(f"<si><t>{one}</t></si>" for one in texts)
    rels = "xl/_rels/workbook.xml.rels"
    known = part_of(workbook(file, [COLUMNS]), rels)
    if b"sharedStrings" not in known:
        more = b'<Relationship Id="rId9" Type="http://x/relationships/sharedStrings" Target="/xl/sharedStrings.xml"/>'
        with_part(file, rels, known.replace(b"</Relationships>", more + b"</Relationships>"))
    return with_part(file, STRINGS, f'<sst xmlns="{NAMESPACE}">{items}</sst>'.encode())


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
        '<row r="2"><c><v>1</v></c></row>',
        "<row><c><v>nan</v></c></row>",
        '<row><c t="x"><v>1</v></c></row>',
        "<row><c><v>&unknown;</v></c></row>",
        '<row r="99999999999"><c><v>1</v></c></row>',
    ],
)
def test_a_sheet_that_is_broken_inside_ends_with_the_row_before(file: Path, row: str) -> None:
    with pytest.raises(InputError, match=r"behind row 2|can be read|more than 1048576 rows"):
        taken(made(file, good("E1"), row))


def test_entities_do_not_expand(file: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    head = f'<!DOCTYPE x [<!ENTITY e0 "lol">{levels}]>'
    with pytest.raises(InputError, match=rf"{SHEET} in it .*declares a document type"):
        taken(made(file, "<row><c><v>&e9;</v></c></row>", head=head))


@pytest.mark.parametrize("head", [f"<!-- {'x' * 70_000} --><!DOCTYPE worksheet>", " <?pi x?><!DOCTYPE worksheet>"])
def test_a_declaration_is_found_wherever_it_hides(file: Path, head: str) -> None:
    with pytest.raises(InputError, match="declares a document type"):
        taken(made(file, f"<row>{text('E1')}</row>", head=head))


@pytest.mark.parametrize(
    "part", [STRINGS, "xl/styles.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "_rels/.rels"]
)
def test_other_parts_declare_no_types_either(file: Path, part: str) -> None:
    with pytest.raises(InputError, match=f"{part} in it .*declares a document type"):
        taken(with_part(with_strings(file, []), part, b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"text", b"\xff\xfe"])
def test_parts_that_are_no_xml_are_none_of_our_business(file: Path, content: bytes) -> None:
    assert taken(with_part(workbook(file, [COLUMNS]), "xl/media/image1.png", content)).problems == []


@pytest.mark.parametrize(
    "row", [f"<row>{text('x' * 6_000_000)}</row>", f"<row>{'<c/>' * 2_000_000}", "<c/>" * 2_000_000]
)
def test_a_row_that_would_fill_the_memory_is_refused(file: Path, row: str) -> None:
    with pytest.raises(InputError, match=f"{SHEET} in it has more than .* in one piece behind row 1"):
        taken(made(file, row))


def test_a_text_that_would_fill_the_memory_is_refused(file: Path) -> None:
    with pytest.raises(InputError, match=f"{STRINGS} in it has more than .* in one piece"):
        taken(with_strings(file, ["x" * 6_000_000]))


@pytest.mark.parametrize(
    "rows",
    [
        ("<row>" + '<c s="1"/>' * 10 + "</row>") * 50_000,
        '<row spans="1:5" s="1" customFormat="1" ht="15" customHeight="1"/>' * 80_000,
        ("<row>" + '<c t="str"><f>IF(1,"","")</f><v></v></c>' * 10 + "</row>") * 12_000,
    ],
    ids=["styled", "high", "formulas"],
)
def test_any_number_of_rows_may_be_empty(file: Path, rows: str) -> None:
    assert len(rows) > MAX_ITEM_BYTES
    assert [event["order_id"] for event in taken(made(file, good("E1"), rows, good("E2"))).events] == ["E1", "E2"]


@pytest.mark.parametrize(
    ("part", "before", "element"),
    [
        ("xl/styles.xml", b"<cellXfs", b'<cellStyleXfs><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'),
        ("xl/workbook.xml", b"<sheets", b'<definedNames><definedName name="_1" hidden="1">#REF!$A$1</definedName>'),
    ],
)
def test_parts_may_be_bloated_as_some_are_after_years(file: Path, part: str, before: bytes, element: bytes) -> None:
    opened, one = element.split(b">", 1)
    many = opened + b">" + one * 90_000 + opened.replace(b"<", b"</") + b">"
    assert len(many) > MAX_ITEM_BYTES
    content = part_of(workbook(file, [COLUMNS, ["E1", AT, 5]]), part)
    (event,) = taken(with_part(file, part, content.replace(before, many + before, 1))).events
    assert event["occurred_at"] == 1_794_398_400_000


def test_text_outside_of_cells_is_of_no_row(file: Path) -> None:
    found = taken(made(file, "<row><v>9</v></row>", good("E1")))
    assert [event["order_id"] for event in found.events] == ["E1"]


def test_the_head_is_read_without_the_rows_behind_it(file: Path) -> None:
    made(file, "<row><c><v>1</v></c></row>" * 3000)
    tracemalloc.start()
    try:
        open_rows(file, encoding="auto", sheet="").close()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 1024**2


@pytest.mark.parametrize("inside", ["{}", "<c><is><rPh>{}</rPh></is></c>"])
def test_names_without_end_are_refused(file: Path, inside: str) -> None:
    named = (" ".join(f'name{row}.{number}=""' for number in range(100)) for row in range(300))
    rows = [f"<row>{inside.replace('{}', f'<c {names}/>')}</row>" for names in named]
    with pytest.raises(InputError, match=f"{SHEET} in it .* characters in names of elements and attributes"):
        taken(made(file, good("E1"), *rows))


@pytest.mark.parametrize("within", ["", "<rPh>"])
def test_elements_within_each_other_without_end_are_refused(file: Path, within: str) -> None:
    deep = within + "<a>" * 100
    for bad in (
        with_part(workbook(file, [COLUMNS]), "xl/styles.xml", deep.encode()),
        with_strings(file, [deep]),
        made(file, good("E1"), deep, good("E2")),
    ):
        with pytest.raises(InputError, match="more than 64 levels"):
            taken(bad)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("part", [SHEET, "xl/styles.xml", "_rels/.rels"])
def test_parts_that_are_packed_as_no_spreadsheet_program_does_are_refused(file: Path, part: str, method: int) -> None:
    names = zipfile.ZipFile(workbook(file, [COLUMNS])).namelist()
    contents = {name: part_of(file, name) for name in names}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content, method if name == part else None)
    with pytest.raises(InputError, match=f"{part} in it is packed in a way"):
        taken(file)


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/styles.xml", "xl/_rels/workbook.xml.rels"])
def test_a_part_that_would_fill_the_memory_is_refused(file: Path, part: str) -> None:
    content = part_of(workbook(file, [COLUMNS]), part) + b" " * 16 * 1024**2
    with pytest.raises(
        InputError, match=f"{part} in it has {len(content)} bytes, at most 16777216 are read; save it as"
    ):
        taken(with_part(file, part, content))


def test_a_table_of_texts_that_would_fill_the_memory_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_STRINGS_BYTES", 900)
    with pytest.raises(InputError, match=f"{STRINGS} in it has .* bytes, at most 900 are read; save it as CSV"):
        taken(with_strings(file, ["x" * 1000]))


def test_texts_that_are_packed_as_no_table_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match=f"{STRINGS} in it has .* bytes, at most .* are read"):
        taken(with_strings(file, ["订"] * 1_000_000))


def test_a_sheet_that_is_packed_as_no_table_is_refused(file: Path) -> None:
    made(file, f"<!--{' ' * 20_000_000}-->")
    with pytest.raises(InputError, match=f"{SHEET} in it has .* bytes, at most .* are read"):
        taken(file)


def test_a_part_is_never_more_than_the_directory_says(file: Path) -> None:
    rows = "".join(f"<row>{text(f'E{number}')}</row>" for number in range(1000))
    made(file, rows)
    with zipfile.ZipFile(file) as found:
        size = found.getinfo(SHEET).file_size
    packed = file.read_bytes()
    assert packed.count(size.to_bytes(4, "little")) == 2, "in the directory, and before the part"
    file.write_bytes(packed.replace(size.to_bytes(4, "little"), (3000).to_bytes(4, "little")))
    with pytest.raises(InputError, match="Bad CRC-32"):
        taken(file)


def test_claims_of_size_and_width_cost_nothing(file: Path) -> None:
    rows = (
        f'<row r="2">{text("E1")}{text("2026-11-11")}<c r="C2"><v>5</v></c></row>',
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    )
    content = sheet(*rows).replace(b"<sheetData>", b'<dimension ref="A1:XFD1048576"/><sheetData>')
    found = taken(with_part(workbook(file, [COLUMNS]), SHEET, content))
    assert (len(found.events), found.counts.rows) == (1, 1)


def test_more_columns_than_a_table_has_are_refused(file: Path) -> None:
    with pytest.raises(InputError, match="head line goes beyond column 1000"):
        taken(workbook(file, [[*COLUMNS, *["x"] * 1000]]))


def test_what_comes_behind_the_rows_does_not_matter(file: Path) -> None:
    links = "<hyperlinks>" + '<hyperlink ref="A1"/>' * 300_000 + "</hyperlinks>"
    content = sheet(good("E1")).replace(b"</sheetData>", b"</sheetData>" + links.encode())
    assert len(taken(with_part(workbook(file, [COLUMNS]), SHEET, content)).events) == 1


def test_texts_of_the_common_table_are_found_whatever_prefix_the_names_have(file: Path) -> None:
    in_parts = "</t></si><si><r><t>导购</t></r><r><t>ID</t></r><rPh><t>x</t></rPh></si><si><t>"
    texts = ["订单号", "付款时间", "实付金额", "123456789012345678", "2026-11-11", "12.3", in_parts]
    rows = ((0, 1, 2, 7), (3, 4, 5, 6))
    cells = ["".join(f'<x:c t="s"><x:v>{index}</x:v></x:c>' for index in row) for row in rows]
    body = "".join(f"<x:row>{row}</x:row>" for row in cells)
    content = f'<x:worksheet xmlns:x="{NAMESPACE}"><x:sheetData>{body}</x:sheetData></x:worksheet>'
    (event,) = taken(with_part(with_strings(file, texts), SHEET, content.encode())).events
    assert (event["order_id"], event["amount"], "guide_id" in event) == ("123456789012345678", "12.3", False)


def test_characters_that_xml_cannot_hold_come_back(file: Path) -> None:
    found = taken(made(file, f"<row>{text('E_x005F_x0041_')}{text('2026-11-11_x000D_')}<c><v>5</v></c></row>"))
    assert [event["order_id"] for event in found.events] == ["E_x0041_"]


def test_dates_as_text_booleans_and_an_empty_result(file: Path) -> None:
    flags = '<c t="b"><v>1</v></c>'
    dated = '<c t="d"><v>2026-11-11T20:00:00</v></c>'
    empty = '<c t="str"><f>IF(1,"")</f><v></v></c>'
    found = taken(made(file, f"<row>{text('E1')}{dated}<c><v>5</v></c>{flags}{empty}</row>"))
    assert [(event["occurred_at"], event["customer_id"]) for event in found.events] == [(1_794_398_400_000, "true")]


def test_days_are_counted_from_1904_where_the_workbook_says_so(file: Path) -> None:
    book = workbook(file, [COLUMNS, ["E1", AT - timedelta(days=1462), 5]])
    content = part_of(book, "xl/workbook.xml").replace(b"<workbookPr ", b'<workbookPr date1904="1" ')
    (event,) = taken(with_part(book, "xl/workbook.xml", content)).events
    assert event["occurred_at"] == 1_794_398_400_000


def test_cells_without_a_style_have_the_first(file: Path) -> None:
    styles = b"<s><cellXfs><xf numFmtId='22'/><xf/></cellXfs></s>"
    row = f'<row>{text("E1")}<c><v>46337.833333333336</v></c><c s="1"><v>5</v></c></row>'
    with closing(open_rows(with_part(made(file, row), "xl/styles.xml", styles), encoding="auto", sheet="")) as rows:
        assert [cells for _, cells in rows.rows()] == [["E1", AT, 5, None, None]]


def test_a_hidden_sheet_is_read_only_when_it_is_named(file: Path) -> None:
    book = Workbook()
    first = book.active
    assert first is not None
    first.title, first.sheet_state = "旧", "hidden"
    first.append([*COLUMNS[:4], "工号"])
    book.create_sheet("新").append(COLUMNS)
    book.save(file)
    for named, read in (("", "新"), ("旧", "旧")):
        with closing(open_rows(file, encoding="auto", sheet=named)) as rows:
            assert rows.encoding == f"XLSX, sheet {read}"


@pytest.mark.parametrize(
    ("code", "is_date"),
    [
        ("yyyy-mm-dd", True),
        ('[$-804]yyyy"年"m"月"d"日"', True),
        ("h:mm AM/PM;@", True),
        ("[h]:mm", True),
        ("General", False),
        ("[Red]0.00", False),
        ('0.00"days"', False),
        ("0\\d", False),
        ("0.00;dd", False),
    ],
)
def test_numbers_are_dates_by_their_format(file: Path, code: str, is_date: bool) -> None:  # noqa: FBT001
    formats = f"<numFmts><numFmt numFmtId='170' formatCode='{code}'/></numFmts>"
    styles = f"<s>{formats}<cellXfs><xf/><xf numFmtId='170'/></cellXfs></s>".encode()
    book = Archive(with_part(workbook(file, [COLUMNS]), "xl/styles.xml", styles))
    assert list(date_styles(book, "xl/styles.xml", since_1904=False)) == (["1"] if is_date else [])
    book.close()
