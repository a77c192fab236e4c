"""What the worker writes is what the tables take: names, types, and every value read back."""

from typing import Any

import pytest

from schemas.click_record import read_click
from schemas.conversions import decode_conversion
from schemas.windows import Facts, WindowRow
from stream.enrich.clicks import ClickEnricher
from stream.sink import rows
from stream.sink.clickhouse import ClickHouse
from stream.sink.conversions import CONVERSION_COLUMNS, RawConversion, conversion_block
from tests.support.events import AT_MS, click, conversion, encode

TYPES = {
    "clicks": (rows.CLICK_COLUMNS, set()),
    "link_windows": (rows.WINDOW_COLUMNS, set()),
    "dead_letters": (rows.DEAD_LETTER_COLUMNS, {"replayed_at"}),
    "duplicates": (rows.DUPLICATE_COLUMNS, set()),
    "conversions": (
        CONVERSION_COLUMNS,
        {"click_id", "credited_guide_id", "credited_link", "credited_variant", "attribution", "confidence"}
        | {"first_click_id"},
    ),
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
    "amount": "Int64",
    "margin": "Int64",
    "bot_reasons": "Array(String)",
    "enrich_errors": "Array(String)",
    "headers": "Array(Tuple(String, String))",
    **dict.fromkeys(("is_human", "is_late", "retransmitted", "clamped"), "UInt8"),
    **dict.fromkeys(("kafka_offset", "original_offset", "version", "clicks"), "UInt64"),
    **dict.fromkeys(("human_clicks", "redirected", "visitors"), "UInt64"),
}
"""What the encoder writes, where it is no String."""
SAME_BYTES = {
    "DateTime64(3, 'UTC')": "Int64",
    "DateTime('UTC')": "UInt32",
    "Bool": "UInt8",
    "Decimal(18, 4)": "Int64",
    "LowCardinality(String)": "String",
    "Array(LowCardinality(String))": "Array(String)",
    "Array(Tuple(name String, value String))": "Array(Tuple(String, String))",
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
        assert SAME_BYTES.get(found[name], found[name]) == WRITTEN_AS.get(name, "String"), name


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


async def test_a_conversion_comes_back_as_it_was(migrated: ClickHouse) -> None:
    fields: list[Any] = [
        conversion(),
        conversion(event_id="2", amount="0.0001", margin="-999999999999.9999", properties=None, guide_id=None),
    ]
    events = [
        RawConversion(decode_conversion(encode(one), AT_MS, 0, currency="CNY"), 5 + number, AT_MS, AT_MS)
        for number, one in enumerate(fields)
    ]
    block = conversion_block(events, partition=1, received_ms=AT_MS)
    await migrated.insert("conversions", CONVERSION_COLUMNS, block)
    found = await migrated.query(
        "SELECT event_id, type, toString(amount), toString(margin), currency, acting_guide_id, order_id, properties "
        "FROM conversions ORDER BY kafka_offset"
    )
    first, second = found
    assert first[:7] == ("shop-2026-000017", "order_paid", "1299", "410.5", "CNY", "g-017", "2026111800017")
    assert "小程序" in first[7]
    assert second == ("2", "order_paid", "0.0001", "-999999999999.9999", "CNY", "", "2026111800017", "{}")


def _ms(moment: Any) -> int:
    milliseconds: int = round(moment.timestamp() * 1000)
    return milliseconds
