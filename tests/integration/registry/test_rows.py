"""Rows made of registry records, in the real ClickHouse engine."""

from datetime import UTC, date, datetime
from decimal import Decimal

import orjson
import pytest

from schemas.registry import Campaign, Owner, Record, Removed, Salt, Variant
from schemas.registry_rows import table_row
from stream.sink.clickhouse import ClickHouse
from tests.support import registry as make

AT = 1_790_000_000_123
LINK = make.link(
    owners=(Owner("g1", 0), Owner("", AT)),
    campaign_id="c1",
    touchpoint="moments",
    utm=(("utm_source", "企业微信"),),
    pass_params=("sku",),
    valid_from_ms=AT,
    hours=(540, 1290),
    fallback_url="https://shop.example.com/over",
    platforms=("wechat",),
    platform_urls=(("wechat", "https://shop.example.com/w"),),
    country_urls=(("JP", "https://shop.example.com/jp"),),
    variants=(Variant("a", 3, "https://shop.example.com/a"),),
    status=307,
)


async def put(clickhouse: ClickHouse, *records: Record | Removed) -> None:
    for offset, record in enumerate(records):
        found = table_row(record, offset=offset, at_ms=AT)
        assert found is not None
        await clickhouse.insert(found.table, list(found.row), orjson.dumps(found.row), fmt="JSONEachRow")


async def test_a_link_arrives_with_every_field(migrated: ClickHouse) -> None:
    await put(migrated, LINK)
    (row,) = await migrated.query(
        "SELECT link, number, kind, url, owners, campaign_id, touchpoint, utm, pass_params, valid_from, valid_until,"
        " hours_from, hours_until, fallback_url, platforms, platform_urls, country_urls, variants, status, disabled,"
        " deleted, version, updated_at FROM links"
    )
    at = datetime.fromtimestamp(AT / 1000, UTC).replace(microsecond=123_000)
    plain = [value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in row]
    assert plain[:4] == ["a8Xk2Pq", 1, "web", "https://shop.example.com/p/1"]
    assert plain[5:9] == ["c1", "moments", {"utm_source": "企业微信"}, ["sku"]]
    assert plain[9:14] == [at, None, 540, 1290, "https://shop.example.com/over"]
    assert plain[14:17] == [
        ["wechat"],
        {"wechat": "https://shop.example.com/w"},
        {"JP": "https://shop.example.com/jp"},
    ]
    assert plain[18:] == [307, False, False, 0, at]
    owners = await migrated.query("SELECT owner.guide_id, owner.since FROM links ARRAY JOIN owners AS owner")
    assert [guide for guide, _ in owners] == ["g1", ""]


async def test_guides_stores_and_campaigns_arrive(migrated: ClickHouse) -> None:
    await put(
        migrated,
        make.store(),
        make.guide(hire_date="2024-02-29", monthly_cost="6500.50"),
        Campaign("c1", "双十一", "2026-11-01", "", "20000"),
        make.guide("g2", hire_date="", monthly_cost=""),
    )
    assert await migrated.query("SELECT store_id, name, region_name FROM stores") == [("s1", "南京西路店", "华东")]
    assert await migrated.query("SELECT guide_id, hire_date, monthly_cost FROM guides ORDER BY guide_id") == [
        ("g1", date(2024, 2, 29), Decimal("6500.5000")),
        ("g2", None, None),
    ]
    assert await migrated.query("SELECT name, start, `end`, budget, currency FROM campaigns") == [
        ("双十一", date(2026, 11, 1), None, Decimal("20000.0000"), "CNY")
    ]


async def test_the_newest_record_wins_and_a_deleted_thing_is_gone_from_the_view(migrated: ClickHouse) -> None:
    await put(migrated, make.link(), make.link("b", 2), make.link(disabled=True), Removed("link", "b"))
    assert await migrated.query("SELECT link, disabled FROM bi_links") == [("a8Xk2Pq", True)]


@pytest.mark.parametrize("record", [Salt("2026-11-22", b"x" * 32), Removed("salt", "2026-11-22")])
def test_salts_have_no_rows(record: Record | Removed) -> None:
    assert table_row(record, offset=1, at_ms=AT) is None
