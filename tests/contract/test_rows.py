"""What the worker writes is what the tables take: names, types, and every value read back."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.attribution import Credit, Touch
from schemas.click_record import read_click
from schemas.conversions import decode_conversion
from schemas.customers import CustomerState, encode_state
from schemas.money import MOST, units
from schemas.token import Signer
from schemas.windows import COUNTED, ConversionWindowRow, Facts, WindowRow, window_of
from stream.attribute.customer import apply
from stream.enrich.clicks import ClickEnricher
from stream.sink import conversion_windows, rows
from stream.sink.clickhouse import ClickHouse
from stream.sink.conversion_windows import CONVERSION_WINDOW_COLUMNS, conversion_window_block
from stream.sink.conversions import CONVERSION_COLUMNS, RawConversion, conversion_block, read_back
from stream.sink.customers import (
    ALIAS_COLUMNS,
    CUSTOMER_COLUMNS,
    Alias,
    Known,
    alias_block,
    aliases,
    customer_block,
    customers,
)
from tests.support.events import AT_MS, TOKEN, click, conversion, encode

TYPES = {
    "clicks": (rows.CLICK_COLUMNS, set()),
    "link_windows": (rows.WINDOW_COLUMNS, set()),
    "dead_letters": (rows.DEAD_LETTER_COLUMNS, {"replayed_at"}),
    "duplicates": (rows.DUPLICATE_COLUMNS, set()),
    "conversions": (CONVERSION_COLUMNS, set()),
    "conversion_windows": (CONVERSION_WINDOW_COLUMNS, set()),
    "customer_states": (CUSTOMER_COLUMNS, set()),
    "customer_aliases": (ALIAS_COLUMNS, set()),
}
WRITTEN_AS = {
    "received_at": "Int64",
    "event_time": "Int64",
    "append_time": "Int64",
    "occurred_at": "Int64",
    "updated_at": "Int64",
    "window_start": "UInt32",
    "kafka_partition": "UInt16",
    "original_partition": "UInt16",
    **dict.fromkeys(("amount", "margin", "order_amount", "refund_amount"), "Int64"),
    **dict.fromkeys(("click_time", "first_click_time"), "Nullable(Int64)"),
    **dict.fromkeys((*COUNTED, "customers"), "UInt64"),
    "confidence": "Float32",
    "bot_reasons": "Array(String)",
    "enrich_errors": "Array(String)",
    "headers": "Array(Tuple(String, String))",
    **dict.fromkeys(("is_human", "is_late", "retransmitted", "clamped"), "UInt8"),
    **dict.fromkeys(("kafka_offset", "original_offset", "version", "clicks"), "UInt64"),
    **dict.fromkeys(("human_clicks", "redirected", "visitors"), "UInt64"),
}
"""What the encoder writes, where it is no String."""
WORDS = {("customer_aliases", "alias")}
"""Columns that are no counts, though windows have counts of that name."""
SAME_BYTES = {
    "DateTime64(3, 'UTC')": "Int64",
    "DateTime('UTC')": "UInt32",
    "Bool": "UInt8",
    "Decimal(18, 4)": "Int64",
    "LowCardinality(String)": "String",
    "Array(LowCardinality(String))": "Array(String)",
    "Array(Tuple(name String, value String))": "Array(Tuple(String, String))",
    "Nullable(DateTime64(3, 'UTC'))": "Nullable(Int64)",
}


@pytest.mark.parametrize("table", TYPES)
async def test_columns_are_those_of_the_table_with_types_that_have_the_same_bytes(
    migrated: ClickHouse, table: str
) -> None:
    columns, left_to_defaults = TYPES[table]
    found = dict(
        await migrated.query(
            "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
            {"table": table},
        )
    )
    assert set(columns) | left_to_defaults == set(found)
    assert len(set(columns)) == len(columns)
    for name in columns:
        written_as = "String" if (table, name) in WORDS else WRITTEN_AS.get(name, "String")
        assert SAME_BYTES.get(found[name], found[name]) == written_as, name


async def test_a_click_comes_back_as_it_was(migrated: ClickHouse) -> None:
    fields = [
        click(variant="B", trigger="qr", utm_term="口红", utm_content="x" * 128, ts=AT_MS + 5),
        click(guide=None, ua="curl/8.5.0", outcome="expired", fetch="preview", lang=None, ip="2001:db8::/48"),
    ]
    clicks = [read_click(encode(one), AT_MS, 300_000) for one in fields]
    enricher = ClickEnricher.open()
    columns = rows.ClickColumns(
        clicks, [7, 8], [AT_MS, AT_MS + 1], [AT_MS, AT_MS], [enricher.enrich(one) for one in clicks], [True, False]
    )
    block = rows.ClickEncoder().encode(columns, partition=3, received_ms=AT_MS + 9, closed_before=AT_MS - 1)
    await migrated.insert("clicks", rows.CLICK_COLUMNS, block)
    names = ", ".join(f"`{name}`" for name in rows.CLICK_COLUMNS)
    found = await migrated.query(f"SELECT {names} FROM clicks ORDER BY kafka_offset")
    first, second = (dict(zip(rows.CLICK_COLUMNS, row, strict=True)) for row in found)
    assert {name: first[name] for name in ("link", "guide_id", "variant", "trigger", "utm_term", "utm_content")} == {
        "link": "a8Xk2Pq",
        "guide_id": "g-017",
        "variant": "B",
        "trigger": "qr",
        "utm_term": "口红",
        "utm_content": "x" * 128,
    }
    assert (first["is_human"], first["bot_reasons"], first["clamped"], first["retransmitted"]) == (True, [], True, True)
    assert (first["platform"], first["os"], first["country"], first["referrer_class"]) == (
        "wechat",
        "iOS",
        "CN",
        "wechat",
    )
    assert _ms(first["event_time"]) == AT_MS
    assert _ms(first["received_at"]) == AT_MS + 9
    assert (first["kafka_partition"], first["kafka_offset"], first["campaign_id"]) == (3, 7, "双十一")
    assert (second["is_human"], second["guide_id"], second["outcome"]) == (False, "", "expired")
    assert "http_library" in second["bot_reasons"]
    assert (second["fetch"], second["ip_prefix"], second["clamped"]) == ("preview", "2001:db8::/48", False)


async def test_a_window_row_comes_back_as_it_was(migrated: ClickHouse) -> None:
    row = WindowRow(AT_MS // 60_000 * 60_000, "导购1", "abc", "A", 99, 5, 4, 3, 2, Facts("s", "r", "c", "sms"))
    await migrated.insert("link_windows", rows.WINDOW_COLUMNS, rows.window_block([(2, row)], updated_ms=AT_MS))
    found = await migrated.query(
        "SELECT toUnixTimestamp(window_start) * 1000, guide_id, link, variant, version, clicks, human_clicks, "
        "redirected, visitors, (store_id, region_id, campaign_id, touchpoint), kafka_partition FROM link_windows"
    )
    assert found == [(*row[:-1], tuple(row.facts), 2)]


async def test_dead_letters_and_duplicates_come_back_byte_for_byte(migrated: ClickHouse) -> None:
    value = bytes(range(256)) * 20
    letters = [
        rows.DeadLetter(5, AT_MS, b"\xff", value, [("h", b"\x00\xfe")], "validate", "not_utf8", "细节"),
        rows.DeadLetter(6, AT_MS, None, None, [], "validate", "null", ""),
    ]
    block = rows.dead_letter_block(letters, topic="clicks", partition=1, received_ms=AT_MS)
    await migrated.insert("dead_letters", rows.DEAD_LETTER_COLUMNS, block)
    found = await migrated.query(
        "SELECT kafka_offset, hex(key), hex(value), hex(headers[1].2), reason, detail FROM dead_letters ORDER BY 1"
    )
    assert found == [(5, "FF", value.hex().upper(), "00FE", "not_utf8", "细节"), (6, "", "", "", "null", "")]
    block = rows.duplicate_block([rows.Duplicate(9, "id", 2, 4)], topic="clicks", partition=1, received_ms=AT_MS)
    await migrated.insert("duplicates", rows.DUPLICATE_COLUMNS, block)
    found = await migrated.query(
        "SELECT topic, kafka_partition, kafka_offset, event_id, original_offset FROM duplicates"
    )
    assert found == [("clicks", 1, 9, "id", 4)]


def raw_conversions() -> list[RawConversion]:
    """One with everything and one with next to nothing."""
    click = Touch(AT_MS - 5_000, TOKEN, "a8Xk2Pq", "导购7", "B")
    first_id = Signer(1, b"k" * 16, edge=1).sign(7, AT_MS - 9_000, 1)
    first = Touch(AT_MS - 9_000, first_id, "zzz", "导购8", "A")
    facts = Facts("s1", "华东", "双十一", "moments")
    full = Credit("token", 1.0, "导购7", "a8Xk2Pq", "B", click, first, facts)
    events = [
        conversion(link="l", visitor_id="v"),
        conversion(event_id="2", amount="0.0001", margin="-999999999999.9999", properties=None, token="x" * 30),
        conversion(event_id="3", type="lead", amount=None, margin=None, order_id=None, properties=None, currency=None),
    ]
    decoded = [decode_conversion(encode(one), AT_MS, 0, currency="CNY") for one in events]
    return [
        RawConversion(decoded[0], 5, AT_MS + 1, AT_MS, full, late=True, retransmitted=True),
        RawConversion(decoded[1], 6, AT_MS, AT_MS, Credit("guide", 0.3, "g-017"), token_error="malformed"),
        RawConversion(decoded[2], 7, AT_MS, AT_MS, Credit("none", 0.0)),
    ]


async def test_a_conversion_comes_back_as_it_was(migrated: ClickHouse) -> None:
    block = conversion_block(raw_conversions(), partition=1, received_ms=AT_MS)
    await migrated.insert("conversions", CONVERSION_COLUMNS, block)
    found = await migrated.query(
        "SELECT event_id, type, toString(amount), toString(margin), currency, acting_guide_id, order_id, properties, "
        "credited_guide_id, credited_variant, attribution, confidence, store_id, touchpoint, token_error, clamped "
        "FROM conversions ORDER BY kafka_offset"
    )
    first, second, _ = found
    assert first[:7] == ("shop-2026-000017", "order_paid", "1299", "410.5", "CNY", "g-017", "2026111800017")
    assert "小程序" in first[7]
    assert first[8:] == ("导购7", "B", "token", 1.0, "s1", "moments", "", False)
    assert second[:8] == ("2", "order_paid", "0.0001", "-999999999999.9999", "CNY", "g-017", "2026111800017", "{}")
    assert second[14] == "malformed"


async def test_conversions_are_read_back_with_their_credit(migrated: ClickHouse) -> None:
    written = raw_conversions()
    await migrated.insert("conversions", CONVERSION_COLUMNS, conversion_block(written, partition=1, received_ms=AT_MS))
    found = await read_back(migrated, 1, 5, 6)
    assert [_plain(one) for one in found] == [_plain(one) for one in written[:2]]
    assert (await read_back(migrated, 1, 7, 9))[0] == written[2]
    assert await read_back(migrated, 1, 8, 9) == []


def _plain(raw: RawConversion) -> RawConversion:
    """Money as a number: 1299.00 is read back as 1299."""
    event: Any = {**raw.event, "amount": units(raw.event["amount"]), "margin": units(raw.event["margin"])}
    return replace(raw, event=event)


async def test_of_two_rows_of_one_offset_the_one_received_last_is_read_back(migrated: ClickHouse) -> None:
    owners, _, zombies = raw_conversions()
    for raw, received_ms in ((owners, AT_MS + 2), (replace(zombies, offset=5), AT_MS + 1)):
        block = conversion_block([raw], partition=1, received_ms=received_ms)
        await migrated.insert("conversions", CONVERSION_COLUMNS, block)
    (found,) = await read_back(migrated, 1, 5, 5)
    assert found.credit == owners.credit
    await migrated.command("OPTIMIZE TABLE conversions FINAL")
    (found,) = await read_back(migrated, 1, 5, 5)
    assert found.credit == owners.credit


async def test_a_window_row_of_conversions_comes_back_as_it_was(migrated: ClickHouse) -> None:
    start = window_of(AT_MS)
    counts = tuple(range(len(COUNTED)))
    facts = Facts("s", "r", "c", "sms")
    rows_ = [
        ConversionWindowRow(start, "导购1", "abc", "A", facts, 99, counts, 10_001, 5, -7, 3),
        ConversionWindowRow(start, "", "", "", facts, 98, counts, 10**30, 0, -(10**30), 3),
    ]
    block = conversion_window_block([(2, row) for row in rows_], updated_ms=AT_MS)
    await migrated.insert("conversion_windows", CONVERSION_WINDOW_COLUMNS, block)
    found = {row[1]: row for row in await conversion_windows.written(migrated, 2, [start])}
    assert found["导购1"] == rows_[0]
    assert found[""] == rows_[1]._replace(order_amount=MOST, margin=-MOST)
    assert await migrated.query(
        "SELECT store_id, region_id, campaign_id, touchpoint, alias, order_amount FROM conversion_windows "
        "WHERE guide_id != ''"
    ) == [(*facts, COUNTED.index("alias"), Decimal("1.0001"))]


async def test_a_customer_comes_back_as_they_were(migrated: ClickHouse) -> None:
    state = CustomerState()
    events = [
        conversion(type="friend_added"),
        conversion(type="friend_deleted", guide_id="g-2"),
        conversion(type="tagged", properties={"tag": "新客"}),
        conversion(type="consent", properties={"given": True}),
        conversion(type="message_in"),
        conversion(type="message_out"),
        conversion(),
    ]
    for event in events:
        apply(state, decode_conversion(encode(event), AT_MS, 0, currency="CNY"), AT_MS, Touch(AT_MS, TOKEN, "l", "g"))
    one, other = Known("客户1", 3, 17, encode_state(state)), Known("客户2", 3, 0, encode_state(CustomerState()))
    for some in ([one, other], [one._replace(version=18)]):
        block = customer_block(some, updated_ms=AT_MS)
        await migrated.insert("customer_states", CUSTOMER_COLUMNS, block, fmt="Native")
    found = sorted(await customers(migrated, ["客户1", "客户2", "客户3"]))
    assert found == [one._replace(version=18), other]
    ((added, relations, tags, revenue, consent, touch, link),) = await migrated.query(
        "SELECT first_added_at, relations, tags, revenue, consent, last_touch_at, last_link "
        "FROM customer_rows WHERE customer_id = '客户1'"
    )
    assert (_ms(added), _ms(touch), link) == (AT_MS, AT_MS, "l")
    assert [each["guide_id"] for each in relations] == ["g-017", "g-2"]
    assert [(each["tag"], each["is_set"]) for each in tags] == [("新客", True)]
    assert (revenue, consent) == (Decimal(1299), "given")


async def test_aliases_are_found_from_both_ends(migrated: ClickHouse) -> None:
    said = [Alias("a", "b", AT_MS, "1"), Alias("b", "c", AT_MS, "2"), Alias("x", "y", AT_MS, "3")]
    await migrated.insert("customer_aliases", ALIAS_COLUMNS, alias_block(said))
    assert set(await aliases(migrated, ["b"])) == set(said[:2])
    assert await aliases(migrated, ["y"]) == said[2:]


def _ms(moment: Any) -> int:
    milliseconds: int = round(moment.timestamp() * 1000)
    return milliseconds
