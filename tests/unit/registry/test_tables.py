import io
from zoneinfo import ZoneInfo

import pytest

from schemas.registry import Campaign, Link, Owner, Thing, Variant, decode_record
from stream.base.errors import InputError, RowsError
from stream.registry.changes import Kind
from stream.registry.snapshot import Builder, Snapshot
from stream.registry.tables import Counts, Table, plan_import, write_table
from tests.support import registry as make

ZONE = ZoneInfo("Asia/Shanghai")
NOW = 1_790_000_000_000
STATE = Builder().add(make.store(), make.guide("g1"), make.guide("g2"), Campaign("c1", "双十一")).build()


def taken_in(kind: Kind, text: str | bytes, state: Snapshot = STATE) -> tuple[Snapshot, Counts]:
    data = text if isinstance(text, bytes) else text.encode()
    records, counts = plan_import(Table(kind, data), ZONE, NOW)(state)
    return Builder(state).add(*(decode_record(key, value) for key, value in records)).build(), counts


def written(kind: Kind, *things: Thing) -> str:
    out = io.StringIO(newline="")
    write_table(kind, things, out, zone=ZONE, now_ms=NOW, public_url="https://go.example.cn")
    return out.getvalue()


def problems(kind: Kind, text: str) -> list[tuple[int, str]]:
    with pytest.raises(RowsError) as caught:
        taken_in(kind, text)
    return [(problem.row, problem.field) for problem in caught.value.rows]


FULL = Link(
    code="full",
    number=9,
    kind="web",
    url="https://shop.example.com/a?b=1,2",
    owners=(Owner("g1", 0), Owner("g2", NOW - 5)),
    campaign_id="c1",
    touchpoint="moments",
    utm=(("utm_source", "wecom"), ("utm_content", '=cmd|" /C calc"!A0')),
    pass_params=("sku", "from"),
    valid_from_ms=NOW,
    valid_until_ms=NOW + 86_400_123,
    hours=(540, 1440),
    disabled=True,
    fallback_url="https://shop.example.com/over",
    platforms=("wechat", "wecom"),
    platform_urls=(("wechat", "https://shop.example.com/w?a=b"), ("douyin", "https://shop.example.com/d")),
    country_urls=(("JP", "https://shop.example.com/jp"),),
    variants=(Variant("a", 50, "https://shop.example.com:8443/a"), Variant("b", 1, "https://shop.example.com/b")),
    status=307,
)


def test_what_is_written_changes_nothing_when_it_is_taken_in_again() -> None:
    state = Builder(STATE).add(FULL, make.link("plain", 3)).build()
    for kind, things in (
        ("link", list(state.all_links())),
        ("guide", list(state.guides.values())),
        ("store", list(state.stores.values())),
        ("campaign", list(state.campaigns.values())),
    ):
        again, counts = taken_in(kind, written(kind, *things), state)  # type: ignore[arg-type]
        assert counts == Counts(0, 0, len(things))
        assert again == state


def test_an_export_makes_the_same_things_elsewhere() -> None:
    state, counts = taken_in("link", written("link", FULL))
    made = state.resolve("full")
    assert counts == Counts(1, 0, 0)
    assert made is not None
    assert (made.url, made.utm, made.variants, made.hours) == (FULL.url, FULL.utm, FULL.variants, FULL.hours)
    assert (made.number, made.owners) == (1, (Owner("g2", 0),)), "numbers and history are of the place"


def test_a_spreadsheet_finds_no_formula_in_an_export() -> None:
    for name in ("=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''=1"):
        text = written("store", make.store(name=name))
        assert f",'{name}," in text
        assert taken_in("store", text)[0].stores["s1"].name == name
    assert ",'quoted'," in written("store", make.store(name="'quoted'"))


def test_only_the_columns_of_the_file_are_changed() -> None:
    state, counts = taken_in(
        "guide", "id,name\ng1,李四\n", Builder(STATE).add(make.guide("g1", hire_date="2024-01-02")).build()
    )
    assert counts == Counts(0, 1, 0)
    assert state.guides["g1"] == make.guide("g1", name="李四", hire_date="2024-01-02")


def test_rows_without_a_code_make_links_once() -> None:
    text = "url,guide_id,touchpoint\nhttps://shop.example.com/a,g1,moments\nhttps://shop.example.com/a,g2,moments\n"
    state, counts = taken_in("link", text)
    assert (counts, state.links, state.highest_number) == (Counts(2, 0, 0), 2, 2)
    assert taken_in("link", text, state)[1] == Counts(0, 0, 2)


def test_another_guide_in_a_row_is_a_transfer_from_now_on() -> None:
    state = Builder(STATE).add(make.owned("g1", "x")).build()
    later, _ = taken_in("link", "code,guide_id\nx,g2\n", state)
    moved = later.resolve("x")
    assert moved is not None
    assert moved.owners == (Owner("g1", 0), Owner("g2", NOW))


def test_times_are_in_the_brands_zone_unless_they_say_otherwise() -> None:
    text = "code,url,valid_from,valid_until\nx,https://shop.example.com,2026-11-11,2026-11-11T20:00:00Z\n"
    found = taken_in("link", text)[0].resolve("x")
    assert found is not None
    assert (found.valid_from_ms, found.valid_until_ms) == (1_794_326_400_000, 1_794_427_200_000)


def test_every_wrong_row_is_named_and_nothing_is_taken_in() -> None:
    text = (
        "code,url,guide_id,status,hours\n"
        "a,https://shop.example.com,g1,,\n"
        "b,http://shop.example.com,g9,404,9-5\n"
        "\n"
        "a,https://shop.example.com,,,\n"
        "c,https://10.0.0.1,g9,,\n"
        "too,few\n"
    )
    assert problems("link", text) == [
        (3, "hours"),
        (3, "status"),
        (3, "guide_id"),
        (3, "url"),
        (5, "code"),
        (6, "guide_id"),
        (6, "url"),
        (7, "row"),
    ]


def test_a_file_that_is_wrong_everywhere_is_counted_to_its_end() -> None:
    with pytest.raises(RowsError) as caught:
        taken_in("store", "id,name,region_id\n" + "s1,,\n" * 700)
    assert len(caught.value.rows) == 1000
    assert caught.value.total == 2 * 700 + 699


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_files_of_chinese_spreadsheets_are_read(encoding: str) -> None:
    text = "id,name,region_id,region_name\r\ns7,南京西路店,east,华东\r\n"
    assert taken_in("store", text.encode(encoding))[0].stores["s7"].name == "南京西路店"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b"id,colour\n", "colour"),
        (b"name\nx\n", "no column id"),
        (b"id,id\n", "twice"),
        (b"\xff\xff\xff\xff,\n", "UTF-8"),
        (b"PK\x03\x04\xff\xfe\xfd", "CSV"),
        (b'id,"name\ns1,x\n', "file: is no CSV in its first line .*quotes"),
        (b'id,"na"me\n', "file: is no CSV in its first line"),
        (b"id," + b"a" * 200_000 + b"\n", "file: is no CSV in its first line"),
    ],
)
def test_a_file_that_is_no_table_is_refused_at_once(data: bytes, says: str) -> None:
    with pytest.raises(InputError, match=says):
        Table("store", data)


def test_broken_quotes_are_a_problem_of_their_row() -> None:
    assert problems("store", 'id,name,region_id\ns7,a,b\ns8,"a"b,c\ns9,a,b\n') == [(3, "row")]
    assert problems("store", "id,name,region_id\ns7,a\0b,c\n") == [(2, "name")]
    assert problems("store", f"id,name,region_id\ns7,{'a' * 200_000},c\n") == [(2, "row")]


def test_cells_may_hold_line_breaks_and_rows_are_counted_as_a_spreadsheet_does() -> None:
    assert problems("store", 'id,name,region_id\ns7,"a\nb",r\ns8,,r\n') == [(2, "name"), (3, "name")]
