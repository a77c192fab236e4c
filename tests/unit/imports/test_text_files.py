"""CSV and NDJSON files as they come from shops and spreadsheets."""

from pathlib import Path

import orjson
import pytest

from stream.base.errors import InputError
from stream.imports.csv_file import clean
from stream.imports.kinds import Kind
from tests.support.imports import HEAD, csv_text, order, taken

ROW = "E1,2026-11-11 20:00:00,168.00,wm1,g1"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.csv"


def ids(path: Path, **how: str) -> list[str]:
    return [event["order_id"] for event in taken(path, encoding=how.get("encoding", "auto")).events]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "gb2312"])
def test_encodings_of_chinese_spreadsheets_are_found(file: Path, encoding: str) -> None:
    file.write_bytes(f"{HEAD}\r\n订单一,2026-11-11 20:00:00,168.00,客户,导购\r\n".encode(encoding))
    assert ids(file) == ["订单一"]


def test_characters_beyond_the_old_encodings_are_read(file: Path) -> None:
    file.write_bytes(f"{HEAD}\r\n𠮷镕€,2026-11-11 20:00:00,1,a,b\r\n".encode("gb18030"))
    assert ids(file) == ["𠮷镕€"]


@pytest.mark.parametrize(
    ("data", "encoding", "says"),
    [
        (f"{HEAD}\n{ROW}\n{ROW}\n".encode() + b"E\xff\xff,", "auto", "line 4"),
        (
            ("订单号,很长的一个列名,付款时间\n" * 3).encode() + b"\xe8\xae\n",
            "auto",
            "line 4 has bytes that are not UTF-8",
        ),
        (HEAD.encode() + b"\nE\xe8", "utf-8", "line 2 has bytes that are not UTF-8"),
        (HEAD.encode("gb18030") + b"\n\n\x81\n", "gb18030", "line 3 has bytes that are not GB18030"),
        (HEAD.encode("utf-8-sig") + b"\n\xff\n", "auto", "line 2 has bytes that are not UTF-8"),
        (HEAD.encode("utf-16"), "auto", "neither UTF-8"),
        (HEAD.encode("gb18030"), "utf-8", "line 1 has bytes that are not UTF-8"),
    ],
)
def test_broken_bytes_are_named_with_their_line(file: Path, data: bytes, encoding: str, says: str) -> None:
    file.write_bytes(data)
    with pytest.raises(InputError, match=says):
        taken(file, encoding=encoding)


ASCII_HEAD = "order_id,paid_at,amount,tag\n"


@pytest.mark.parametrize(
    ("before", "line", "after"),
    [
        ("A,2026-11-01,5,x\n" * 300 + "B,2026-11-01,5,支付\n" * 5, 307, ""),
        ("", 2, "B,2026-11-01,5,支付\n" * 5),
        ("A,2026-11-01,5,x\n" * 90_000, 90_002, "B,2026-11-01,5,支付\n" * 5),
    ],
    ids=["Chinese far from the head line", "Chinese behind it", "all of it in the second megabyte"],
)
def test_a_few_broken_bytes_do_not_make_another_encoding_of_a_file(
    file: Path, before: str, line: int, after: str
) -> None:
    broken = "C,2026-11-01,5,你\n".encode("gb18030")
    file.write_bytes((ASCII_HEAD + before).encode() + broken + after.encode())
    with pytest.raises(InputError, match=f"line {line} has bytes that are not UTF-8"):
        taken(file)


@pytest.mark.parametrize("tag", ["女", "璋保", "已付款，顾客到店自提"])
def test_a_file_in_gb18030_is_not_taken_for_broken_utf_8(file: Path, tag: str) -> None:
    row = f"A%d,2026-11-01,5,{tag}\n"
    rows = "".join(row % number for number in range(50)) + "B,2026-11-01,5,男，会员\n" * 50
    file.write_bytes((ASCII_HEAD + rows).encode("gb18030"))
    assert len(taken(file).events) == 51


def test_a_character_that_lies_across_two_reads_is_whole(file: Path) -> None:
    filler = "x" * (1024 * 1024 - len(HEAD.encode()) - 3)
    file.write_text(f"{HEAD}\n\n{filler}订单,1\n{ROW}\n")
    found = taken(file)
    assert [event["order_id"] for event in found.events] == ["E1"]
    assert [problem.row for problem in found.problems] == [3]


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_cells_may_be_separated_by_commas_tabs_or_semicolons(file: Path, delimiter: str) -> None:
    file.write_text(f"{HEAD}\n{ROW}\n".replace(",", delimiter))
    assert ids(file) == ["E1"]


def test_cells_may_hold_line_breaks_quotes_and_commas(file: Path) -> None:
    file.write_text(f'{HEAD},备注\n{ROW},"两行\n""备注"", 有逗号"\n{ROW.replace("E1", "E2")},\n')
    found = taken(file)
    assert [event["order_id"] for event in found.events] == ["E1", "E2"]
    assert found.problems == []


def test_rows_are_counted_as_a_spreadsheet_counts_them(file: Path) -> None:
    file.write_text(f'{HEAD},备注\n{ROW},"a\nb\nc"\n\n,,,,,\nE2,never,1,a,b,\n')
    found = taken(file)
    assert [(problem.row, problem.field) for problem in found.problems] == [(5, "occurred_at")]
    assert (found.counts.rows, found.counts.accepted, found.counts.wrong) == (2, 1, 1)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("=1+1", "=1+1"),
        ('=cmd|" /C calc"!A0', '=cmd|" /C calc"!A0'),
        ("+86138", "+86138"),
        ("-5", "-5"),
        ("@SUM(A1)", "@SUM(A1)"),
        ('="0012345"', "0012345"),
        ('=""', None),
        ('="a"&"b"', '="a"&"b"'),
        ("'0012345", "0012345"),
        ("'=1+1", "=1+1"),
        ("'quoted'", "'quoted'"),
        ("\tE1\t", "E1"),
        ("　E1\xa0", "E1"),
        ("", None),
        ("  ", None),
    ],
)
def test_formulas_are_text_and_never_run(cell: str, text: str | None) -> None:
    assert clean(cell) == text


def test_ids_that_are_kept_from_a_spreadsheet_are_ids(file: Path) -> None:
    file.write_text(f'{HEAD}\n"=""E1""",2026-11-11 20:00:00,168,\'123,g1\n')
    (event,) = taken(file).events
    assert (event["order_id"], event["customer_id"]) == ("E1", "123")


def test_a_formula_in_a_text_field_goes_in_as_its_text(file: Path) -> None:
    file.write_text(f"{HEAD},活动ID\n{ROW},=HYPERLINK(1)\n")
    (event,) = taken(file).events
    assert event["properties"] == {"campaign": "=HYPERLINK(1)"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("\n\n  \n", "is empty"),
        ("订单号,颜色\n", "order_paid needs paid_at or pay_time .* It has 订单号, 颜色"),
        ("a\nb\n", "has not the columns that are needed"),
        (f"{HEAD},实付金额\n{ROW},5\n", "the column 实付金额 twice"),
        (f"{HEAD},amount,ＡＭＯＵＮＴ\n{ROW},5,6\n", "the column amount twice"),
        (",".join("x" * 2000), "at most 1000"),
        ('"' + "x" * 200_000, "head line cannot be read"),
    ],
)
def test_columns_that_do_not_fit_are_named_with_what_was_found(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    with pytest.raises(InputError, match=says):
        taken(file)


def test_rows_with_a_problem_are_left_out_and_good_ones_taken(file: Path) -> None:
    rows = [order(1), order(2, 实付金额="12,50"), order(3), order(4, 订单号=""), order(5, 付款时间="昨天"), order(6)]
    file.write_text(csv_text(rows).replace("12,50", '"12,50"') + "a,b\n" + f"{ROW},{ROW}\n")
    found = taken(file)
    assert [event["order_id"] for event in found.events] == ["E000001", "E000003", "E000006"]
    assert [(problem.row, problem.field) for problem in found.problems] == [
        (3, "amount"),
        (5, "event_id"),
        (6, "occurred_at"),
        (8, "row"),
        (9, "row"),
    ]
    assert (found.counts.rows, found.counts.wrong, found.counts.problems) == (8, 5, 5)


def test_a_phone_number_as_a_customers_id_is_a_problem_of_its_row(file: Path) -> None:
    file.write_text(csv_text([order(1, 客户ID="13800138000")]))
    assert [problem.field for problem in taken(file).problems] == ["customer_id"]


def test_rows_that_are_there_twice_count_once(file: Path) -> None:
    file.write_text(csv_text([order(1), order(1), order(2), order(1)]))
    found = taken(file)
    assert (found.counts.accepted, found.counts.duplicate, len(found.events)) == (2, 2, 2)


def test_unpaid_and_cancelled_orders_are_passed_over(file: Path) -> None:
    head = f"{HEAD},订单状态"
    rows = [
        order(1, 订单状态="已完成"),
        order(2, 订单状态="待付款"),
        order(3, 付款时间=""),
        order(4, 订单状态="已关闭"),
    ]
    file.write_text(csv_text(rows, head=head))
    found = taken(file)
    assert (len(found.events), found.counts.skipped, found.problems) == (1, 3, [])


@pytest.mark.parametrize("status", ["Cancelled", "CLOSED", "UNPAID", " Pending ", "ｃｌｏｓｅｄ", "交易关闭"])
def test_a_status_is_known_however_it_is_written(file: Path, status: str) -> None:
    file.write_text(csv_text([order(1, 订单状态=status)], head=f"{HEAD},订单状态"))
    found = taken(file)
    assert (found.events, found.counts.skipped) == ([], 1)


def test_a_row_with_a_refund_is_two_events(file: Path) -> None:
    head = f"{HEAD},退款单号,退款时间,退款金额"
    rows = [
        order(1, 退款单号="R1", 退款时间="2026-11-12 09:00:00", 退款金额="-5.00"),
        order(2, 退款金额="0.00"),
        order(3, 退款金额="5.00"),
    ]
    file.write_text(csv_text(rows, head=head))
    found = taken(file)
    assert [event["event_id"] for event in found.events] == [
        "order_paid:E000001",
        "order_refunded:E000001:R1",
        "order_paid:E000002",
        "order_paid:E000003",
    ]
    assert found.events[1]["amount"] == "5"
    assert [(problem.row, problem.field) for problem in found.problems] == [(4, "event_id")], (
        "no refund is lost silently"
    )


def test_a_quote_that_is_not_closed_does_not_swallow_the_file_silently(file: Path) -> None:
    rows = [order(number) for number in range(1, 4001)]
    text = csv_text(rows).replace("E000010,", '"E000010,')
    file.write_text(text)
    found = taken(file)
    (first, *_) = found.problems
    assert (first.row, first.field) == (11, "row")
    assert "together" in first.detail
    assert found.events[8]["order_id"] == "E000009"
    assert found.events[-1]["order_id"] == "E004000", "what comes behind it is read again"


@pytest.mark.parametrize("line", ['a"b,c', '"a"b,c'])
def test_quotes_in_the_middle(file: Path, line: str) -> None:
    file.write_text(f"{HEAD}\n{line},1,2,3\n{ROW}\n")
    found = taken(file)
    assert [event["order_id"] for event in found.events] == ["E1"]
    assert [problem.row for problem in found.problems] == [2]


def test_a_cell_beyond_the_limit_is_a_problem_of_its_row(file: Path) -> None:
    file.write_text(f"{HEAD}\n{'x' * 200_000},1,2,3,4\n{ROW}\n")
    found = taken(file)
    assert [problem.row for problem in found.problems] == [2]
    assert [event["order_id"] for event in found.events] == ["E1"]


@pytest.mark.parametrize(
    "row",
    ["a," * 1_600_000, '"' + "x" * 1_100_000, '"\n",' * 600_000 + '"'],
    ids=["a line without an end", "a cell", "a row of many lines"],
)
def test_a_row_that_would_fill_the_memory_is_a_problem_and_what_follows_is_read(file: Path, row: str) -> None:
    file.write_text(f"{HEAD}\n{row}\n{ROW}\n{ROW.replace('E1', 'E2')}\n")
    found = taken(file)
    assert "more than 1048576 characters" in found.problems[0].detail
    assert found.events[-1]["order_id"] == "E2"


def test_a_head_line_that_would_fill_the_memory_is_refused(file: Path) -> None:
    file.write_text("a," * 600_000)
    with pytest.raises(InputError, match=r"head line cannot be read \(more than 1048576 characters"):
        taken(file)


def test_null_bytes_and_escapes_are_no_way_out(file: Path) -> None:
    file.write_bytes(f"{HEAD}\nE\0\x1b[2J,2026-11-11 20:00:00,abc\x1b[2J,1,g1\n".encode())
    (problem,) = taken(file).problems
    assert "\x1b" not in problem.detail


def test_lines_of_json(tmp_path: Path) -> None:
    file = tmp_path / "orders.ndjson"
    good = {"order_id": "E1", "paid_at": "2026-11-11T12:00:00Z", "amount": 168, "guide_id": 7}
    lines = [
        orjson.dumps(good),
        b"",
        b"{",
        b"[]",
        b"[" * 40,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        orjson.dumps(good | {"order_id": "E2", "amount": "much"}),
        b'{"x":"' + b"x" * (2 * 1024 * 1024) + b'"}',
        orjson.dumps(good | {"order_id": "E3"}),
    ]
    file.write_bytes(b"\r\n".join(lines))
    found = taken(file)
    assert [event["order_id"] for event in found.events] == ["E1", "E3"]
    assert [(problem.row, problem.field) for problem in found.problems] == [
        (3, "row"),
        (4, "row"),
        (5, "row"),
        (6, "row"),
        (7, "amount"),
        (8, "row"),
    ]


@pytest.mark.parametrize(
    ("event", "how", "says"),
    [
        ({"at": {"paid": 1_577_757_600}}, 'occurred_at = "at.paid"', "'1577757600' is before 2020"),
        ({"l": [{"at": "2019-12-31"}]}, 'each = "l"\noccurred_at = "item.at"', "this time is before 2020"),
        ({"l": [{"at": "2019-12-31"}]}, 'occurred_at = "l[].at"', "this time is before 2020"),
        ({}, "occurred_at = { value = 7 }", "this time is before 2020"),
        ({}, 'occurred_at = { value = "7" }', "must be an integer"),
    ],
)
def test_a_time_within_json_is_shown_where_it_is_found(tmp_path: Path, event: object, how: str, says: str) -> None:
    file, mapping = tmp_path / "orders.ndjson", tmp_path / "own.toml"
    file.write_bytes(orjson.dumps(event))
    rule = '[[events]]\ntype = "cost"\nevent_id = "x"\namount = { value = 1 }\n'
    mapping.write_text(rule + how)
    (problem,) = taken(file, mapping=mapping).problems
    assert problem.detail.startswith(says)


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere.csv"):
        with pytest.raises(InputError, match="is no file"):
            taken(path)


def test_an_old_workbook_is_said_to_be_one(tmp_path: Path) -> None:
    file = tmp_path / "old.xls"
    file.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512))
    with pytest.raises(InputError, match=r"\.xls"):
        taken(file)


PAID = "订单号,付款时间,实付金额"
SAID = "客户ID,导购ID,时间,消息时间,方向"


@pytest.mark.parametrize(
    ("kind", "head", "row", "field", "detail"),
    [
        ("orders", "订单号,退款单号,退款时间,退款金额", "E1,R1,,5", "occurred_at", "must be there (from 退款时间)"),
        (
            "orders",
            PAID,
            "E1,soon,5",
            "occurred_at",
            "'soon' is no time; give it like 2026-11-11 20:00:00 (from 付款时间)",
        ),
        (
            "orders",
            PAID,
            "E1,2019-12-31 10:00:00,5",
            "occurred_at",
            "'2019-12-31 10:00:00' is before 2020, and nothing is kept of then; leave it out (from 付款时间)",
        ),
        (
            "orders",
            PAID,
            "E1,2027年11月1日,5",
            "occurred_at",
            "'2027年11月1日' is in the future; mend it, or name its time zone in a --mapping (from 付款时间)",
        ),
        (
            "orders",
            PAID,
            "E1,2099-11-01,5",
            "occurred_at",
            "'2099-11-01' is in the future; mend it, or name its time zone in a --mapping (from 付款时间)",
        ),
        (
            "orders",
            PAID,
            ",2026-11-11,5",
            "event_id",
            "there is nothing to make it of; it needs order_id (from 订单号)",
        ),
        (
            "orders",
            PAID,
            f"{'E' * 120},2026-11-11,5",
            "event_id",
            "must have 1 to 128 characters, has 131 (from 订单号)",
        ),
        ("messages", SAID, "c,g,,,客户", "occurred_at", "must be there (from 消息时间 or 时间)"),
        ("messages", SAID, "c,g,2026-11-11,,", "type", "must be there (from 方向)"),
        ("messages", SAID, "c,,2026-11-11,,客户", "guide_id", "events of type message_in must have it (from 导购ID)"),
    ],
)
def test_a_problem_names_the_column_that_it_comes_from(
    file: Path, kind: Kind, head: str, row: str, field: str, detail: str
) -> None:
    file.write_text(f"{head}\n{row}\n")
    assert taken(file, kind).problems == [(2, field, detail)]
