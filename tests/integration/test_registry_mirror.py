"""The registry's mirror in ClickHouse."""

from datetime import UTC, date, datetime
from decimal import Decimal

from schemas.registry import Campaign, Link, Numbers, Owner, Record, Removed, Salt, Variant
from stream.sink.clickhouse import ClickHouse
from stream.sink.registry_mirror import Change, reached, write
from tests.support.registry import guide, link, store

AT_MS = 1_795_176_000_123  # 2026-11-20 12:00:00.123 UTC
FULL = Link(
    code="aB3dE6g",
    number=4_294_967_295,
    kind="web",
    url="https://shop.example.com/p/1?导购",
    owners=(Owner("g1", 0), Owner("", AT_MS)),
    campaign_id="c1",
    touchpoint="moments",
    utm=(("utm_source", "企微"),),
    pass_params=("sku",),
    valid_from_ms=AT_MS,
    valid_until_ms=2**53,
    hours=(540, 60),
    disabled=True,
    fallback_url="https://shop.example.com/",
    platforms=("wechat", "wecom"),
    platform_urls=(("douyin", "https://shop.example.com/d"),),
    country_urls=(("JP", "https://shop.example.com/jp"),),
    variants=(Variant("甲", 3, "https://shop.example.com/a"),),
    status=307,
)


async def test_every_field_of_every_thing_arrives(migrated: ClickHouse) -> None:
    campaign = Campaign("c1", "双十一", start="2026-11-01", end="2026-02-30", budget="12345678901.2345")
    worker = guide(hire_date="1969-07-20", monthly_cost="8000.5", wecom_userid="zhangsan")
    records: list[Record | Removed] = [
        store(),
        worker,
        campaign,
        FULL,
        Salt("2026-11-20", b"k" * 16),
        Numbers(9),
        Removed("salt", "2026-11-01"),
    ]
    await write(migrated, [Change(offset, AT_MS, record) for offset, record in enumerate(records)])
    at = datetime(2026, 11, 20, 12, 0, 0, 123_000, tzinfo=UTC)
    assert await migrated.query("SELECT * FROM stores") == [("s1", "南京西路店", "east", "华东", False, False, 0, at)]
    assert await migrated.query("SELECT * FROM guides") == [
        ("g1", "张三", "s1", date(1969, 7, 20), Decimal("8000.5"), "CNY", "zhangsan", False, False, 1, at)
    ]
    assert await migrated.query("SELECT * FROM campaigns") == [
        ("c1", "双十一", date(2026, 11, 1), None, Decimal("12345678901.2345"), "CNY", False, False, 2, at)
    ]
    (found,) = await migrated.query("SELECT * EXCEPT (owners, variants), owners.1, owners.2, variants.1 FROM links")
    end = datetime(2299, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert found == (
        *("aB3dE6g", 4_294_967_295, "web", FULL.url, "c1", "moments", {"utm_source": "企微"}, ["sku"], at, end),
        *(540, 60, FULL.fallback_url, ["wechat", "wecom"], dict(FULL.platform_urls), dict(FULL.country_urls)),
        *(307, True, False, 3, at, ["g1", ""], [datetime(1970, 1, 1, tzinfo=UTC), at], ["甲"]),
    )


async def test_the_newest_record_wins_whenever_it_is_written(migrated: ClickHouse) -> None:
    await write(migrated, [Change(5, AT_MS, guide(name="新名")), Change(6, AT_MS, guide("g2"))])
    await write(migrated, [Change(3, AT_MS, guide(name="旧名")), Change(7, AT_MS, Removed("guide", "g2"))])
    assert await migrated.query("SELECT guide_id, name FROM bi_guides") == [("g1", "新名")]


async def test_the_mirror_reaches_as_far_as_its_highest_record(migrated: ClickHouse) -> None:
    assert await reached(migrated) == -1
    await write(migrated, [Change(0, AT_MS, store())])
    assert await reached(migrated) == 0
    await write(migrated, [Change(3, AT_MS, guide()), Change(8, AT_MS, link()), Change(9, AT_MS, Numbers(1))])
    assert await reached(migrated) == 8


async def test_records_go_in_by_their_order_so_that_a_kill_leaves_no_hole(migrated: ClickHouse) -> None:
    class KilledError(Exception):
        pass

    real, tables = migrated.insert, list[str]()

    async def dying(table: str, columns: list[str], block: bytes, *, fmt: str) -> None:
        tables.append(table)
        if len(tables) == 3:
            raise KilledError
        await real(table, columns, block, fmt=fmt)

    migrated.insert = dying  # type: ignore[method-assign,assignment] # a kill between two inserts
    changes = [Change(n, AT_MS, guide(f"g{n}") if n % 2 else store(f"s{n}")) for n in range(4)]
    try:
        await write(migrated, changes)
    except KilledError:
        assert await reached(migrated) == 1
    assert tables == ["stores", "guides", "stores"]
