"""Laws of the mapping: what is written comes back exactly, and nothing that comes from outside makes it fail."""

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args
from zoneinfo import ZoneInfo

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.rejects import Reject
from schemas.token import EPOCH_MS
from stream.api.webhook_sources import read_sources
from stream.mapping import Nested, Problems, Skipped, Table, compile_mapping, read_mapping
from stream.mapping.money import money, total
from stream.mapping.spec import Kind, Unit, Unknown, Value
from stream.mapping.times import time
from stream.mapping.values import SkipEvent, compile_value
from tests.support.webhooks import EXAMPLE, SECRET, written

SHANGHAI = ZoneInfo("Asia/Shanghai")
AMOUNTS = st.decimals(Decimal(-999999999999), Decimal(999999999999), places=4)
SECONDS = st.integers(EPOCH_MS // 1000, EPOCH_MS // 1000 + 30 * 31_536_000)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
CELLS = JSON | st.integers(-(10**30), 10**30) | st.dates() | st.datetimes() | st.times() | st.timedeltas()
"""What JSON and workbooks hold."""
CELLS |= st.dates().map(str) | st.datetimes(timezones=st.just(UTC)).map(str) | st.floats().map(str)
CELLS |= st.integers(-(10**16), 10**16).map(str)
FORMATS = (["auto"], ["iso"], ["epoch_s"], ["epoch_ms"], ["excel"], ["%Y"], ["%Y-%m-%d %H:%M:%S%z", "%d.%m.%y"])
VALUES = [
    *(Value(kind=kind) for kind in get_args(Kind)),
    *(Value(kind="money", unit=unit, absolute=True) for unit in get_args(Unit)),
    *(Value(kind=kind, formats=tuple(one), zone=SHANGHAI) for kind in ("time", "day") for one in FORMATS),
    *(Value(words=(("paid", "order_paid"), ("1", "lead")), unknown=unknown) for unknown in get_args(Unknown)),
]
READERS = [(value, read) for value in VALUES if (read := compile_value(replace(value, paths=("x",)), Nested()))]
NAMES = ("type", "msg", "test", "id", "total_price", "transactions", "kind", "status", "amount", "financial_status")
LIKE_A_SHOPS = st.recursive(
    st.sampled_from(["paid", "trade_TradePaid", "success", "refund", "12.50", "2026-01-01", True, 5, None, "%7B%7D"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=15,
)


@given(AMOUNTS)
def test_an_amount_in_yuan_is_the_amount_however_it_is_written(amount: Decimal) -> None:
    read = money("yuan", absolute=False)
    for text in (format(amount, "f"), format(amount, ",f"), f"{amount.normalize():f}", f" ¥{amount:f} "):
        assert Decimal(read(text)) == amount
    assert read(read(format(amount, "f"))) == read(format(amount, "f")), "what was read is spelled like that"


@given(st.integers(-(10**14) + 1, 10**14 - 1))
def test_an_amount_in_fen_is_a_hundredth(fen: int) -> None:
    read = money("fen", absolute=False)
    assert Decimal(read(fen)) * 100 == fen
    assert read(str(fen)) == read(fen)
    assert money("yuan", absolute=False)(read(fen)) == read(fen)


@given(st.integers(0, 10**13))
def test_a_spreadsheets_binary_fraction_is_the_amount_that_was_typed(fen: int) -> None:
    typed = Decimal(fen) / 100
    assert Decimal(money("yuan", absolute=False)(float(typed))) == typed


@given(st.lists(st.integers(0, 10**10), min_size=1, max_size=20))
def test_a_total_is_the_sum(fen: list[int]) -> None:
    read = money("fen", absolute=False)
    assert Decimal(total([read(one) for one in fen])) * 100 == sum(fen)


@given(SECONDS, st.sampled_from(["Asia/Shanghai", "UTC", "America/New_York", "Europe/Berlin"]))
@example(1_782_660_600, "Europe/Berlin")
def test_a_moment_is_the_moment_however_it_is_written(seconds: int, name: str) -> None:
    zone = ZoneInfo(name)
    read = time(["auto"], zone)
    at = datetime.fromtimestamp(seconds, zone)
    for raw in (at.isoformat(), at.astimezone(UTC).isoformat().replace("+00:00", "Z"), seconds, seconds * 1000, at):
        assert read(raw) == seconds * 1000
    if datetime.fromtimestamp(seconds - 3600, zone).utcoffset() == at.utcoffset():  # not the hour that is there twice
        for pattern in ("%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%Y年%m月%d日 %H:%M:%S", "%Y%m%d%H%M%S"):
            assert read(at.strftime(pattern)) == seconds * 1000


@given(SECONDS)
def test_a_spreadsheets_day_number_is_the_moment(seconds: int) -> None:
    local = datetime.fromtimestamp(seconds, SHANGHAI).replace(tzinfo=None)
    days = (local - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001 - as a spreadsheet counts
    assert time(["auto"], SHANGHAI)(days) == seconds * 1000


@given(CELLS)
@example("0001-01-01")
@example("0001-01-01T00:00:00+14:00")
@example("9999-12-31T23:59:59Z")
@example("9" * 14)
@example("1e300")
@example(1e300)
@example(10**400)
@example(1 << 63)
@example(date.min)
@example(datetime.max)  # noqa: DTZ901 - as a spreadsheet has it
@example(float("nan"))
@example([[]])
def test_of_any_value_a_reader_makes_something_that_json_can_hold_or_refuses_it(raw: Any) -> None:
    for value, read in READERS:
        try:
            made = read({"x": raw})
        except (Reject, SkipEvent):
            continue
        if made is not None:
            assert type(made) in {str, int, float, bool}, value
            assert orjson.loads(orjson.dumps(made)) == made, value


@given(st.sampled_from(get_args(Kind)), CELLS)
@example("number", 1e300)
@example("plain", 10**400)
def test_of_any_value_an_id_is_made_or_it_is_refused(kind: str, raw: Any) -> None:
    rule = {
        "type": "lead",
        "occurred_at": {"value": 1},
        "properties": {"x": {"from": "x", "as": kind}},
        "event_id": {"prefix": "x", "hash": ["properties.x"]},
    }
    problems = Problems()
    mapping = read_mapping({"events": [rule]}, problems, zone=SHANGHAI)
    assert not problems.found
    (result,) = compile_mapping(mapping, Nested()).events({"x": raw})
    assert isinstance(result, dict | Reject)


def _sources() -> Any:
    text = EXAMPLE.read_text("utf-8").replace("whsec_REPLACE-ME", written(SECRET))
    problems = Problems()
    sources = read_sources(tomllib.loads(text), problems, SHANGHAI)
    assert not problems.found
    return sources


SOURCES = _sources()


@given(JSON | LIKE_A_SHOPS)
def test_no_payload_makes_a_mapping_fail(payload: Any) -> None:
    for source in SOURCES.values():
        for result in source.mapper.events(payload, {"webhook.id": "x"}):
            assert isinstance(result, dict | Reject | Skipped)
            if isinstance(result, Reject):
                assert result.detail.partition(": ")[2], "it begins with a field's name"


@given(JSON)
def test_no_table_of_an_operator_makes_reading_it_fail(raw: Any) -> None:
    problems = Problems()
    table = raw if isinstance(raw, dict) else {"events": raw}
    read_mapping(table, problems, zone=SHANGHAI)
    assert problems.found
    rule = {"type": "lead", "event_id": "x", "occurred_at": {"value": 1}, "amount": raw, "when": raw, "each": raw}
    problems = Problems()
    mapping = read_mapping({"events": [rule]}, problems, zone=SHANGHAI)
    if not problems.found:
        compile_mapping(mapping, Table(["a"], lambda cell: cell))
        try:
            compile_mapping(mapping, Nested())
        except ValueError:
            return
