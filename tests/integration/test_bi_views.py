"""Every `bi_*` view against a recount of generated rows in Python, round the brand's midnight."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stream.sink.clickhouse import ClickHouse, QueryError
from stream.sink.visitors import refill
from tests.support.click_rows import Row, insert_clicks, insert_rows, insert_windows, windows_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
# 16:00 UTC is midnight in Shanghai.
MIDNIGHT = datetime(2026, 11, 20, 16, tzinfo=UTC)
REGIONS = {"r1": "华东", "r2": "华南"}
STORES = {"s1": ("南京西路店", "r1"), "s2": ("天河城店", "r2"), "s3": ("徐家汇店", "r1")}
GUIDES = {"g1": ("张三", "s1"), "g2": ("李四", "s2"), "g3": ("王五", "s3")}
DIMENSIONS: dict[str, Callable[[Row], str]] = {
    "link": lambda row: row.link,
    "guide": lambda row: row.guide_id,
    "store": lambda row: row.store_id,
    "region": lambda row: row.region_id,
    "campaign": lambda row: row.campaign_id,
    "touchpoint": lambda row: row.touchpoint,
}
VISITOR_DIMENSIONS: dict[str, Callable[[Row], str]] = {
    **DIMENSIONS,
    "variant": lambda row: f"{row.link}/{row.variant}",
    "all": lambda _: "",
}
COLUMNS = {"link": "link", "touchpoint": "touchpoint"}


def generated(seed: int = 7) -> list[Row]:
    rng = random.Random(seed)
    rows = []
    for offset in range(600):
        guide = rng.choice([*GUIDES, ""])
        _, store = GUIDES.get(guide, ("", ""))
        link = f"{guide or 'brand'}-{rng.randrange(2)}"
        # Milliseconds before and after midnight, whole hours and days away from it.
        apart = timedelta(
            hours=rng.choice([-25, -24, -1, 0, 0, 1, 23, 24]), milliseconds=rng.choice([-1, 0, 1, 59_999])
        )
        reasons = [] if rng.random() < 0.8 else rng.sample(["ua_bot", "prefetch", "headless"], rng.choice([1, 2]))
        rows.append(
            Row(
                offset // 3,
                MIDNIGHT + apart,
                offset % 3,
                link,
                guide,
                store,
                STORES[store][1] if store else "",
                "双十一" if link.endswith("1") else "",
                "moments" if link.endswith("1") else "wecom_chat",
                "b" if offset % 3 and link == "g1-0" else "",
                f"v{rng.randrange(90)}",
                rng.choice(["redirected", "redirected", "expired"]),
                not reasons,
                reasons,
            )
        )
    return rows


@pytest.fixture
async def shop(migrated: ClickHouse) -> tuple[ClickHouse, list[Row]]:
    """A database with generated clicks, their windows in two versions, and the registry."""
    rows = generated()
    await insert_clicks(migrated, rows)
    await insert_clicks(migrated, rows[:100])  # a zombie's
    await insert_windows(migrated, windows_of(rows))
    await insert_windows(migrated, windows_of(rows[:200]))  # older versions
    await insert_rows(
        migrated,
        "stores",
        [
            {"store_id": store, "name": name, "region_id": region, "region_name": REGIONS[region]}
            for store, (name, region) in STORES.items()
        ],
    )
    await insert_rows(
        migrated,
        "guides",
        [
            {"guide_id": guide, "name": named, "store_id": store, "version": version}
            for guide, (name, store) in GUIDES.items()
            for named, version in ((name, 9), ("旧名", 3))
        ],
    )
    await insert_rows(migrated, "campaigns", [{"campaign_id": "双十一", "name": "双十一大促"}])
    return migrated, rows


def local(row: Row) -> datetime:
    return row.event_time.astimezone(SHANGHAI)


GRAINS: dict[str, Callable[[Row], Any]] = {
    "minute": lambda row: local(row).replace(second=0, microsecond=0).strftime("%Y-%m-%d %H:%M:%S"),
    "hour": lambda row: local(row).replace(minute=0, second=0, microsecond=0).strftime("%Y-%m-%d %H:%M:%S"),
    "day": lambda row: local(row).strftime("%Y-%m-%d"),
}


@pytest.mark.parametrize("grain", GRAINS)
async def test_clicks_of_every_grain_and_dimension_are_a_recount_of_the_rows(
    shop: tuple[ClickHouse, list[Row]], grain: str
) -> None:
    clickhouse, rows = shop
    for dimension, of in DIMENSIONS.items():
        column = COLUMNS.get(dimension, f"{dimension}_id")
        counts: dict[tuple[Any, str], Counter[str]] = defaultdict(Counter)
        for row in rows:
            counts[GRAINS[grain](row), of(row)].update(
                clicks=1,
                human=row.is_human,
                bots=not row.is_human,
                redirected=row.outcome == "redirected",
            )
        found = await clickhouse.query(
            f"SELECT toString({grain}), toString({column}), sum(clicks), sum(human_clicks), sum(bot_clicks), "
            f"sum(redirected) FROM bi_clicks_{grain} GROUP BY 1, 2"
        )
        expected = {
            (*key, each["clicks"], each["human"], each["bots"], each["redirected"]) for key, each in counts.items()
        }
        assert set(found) == expected, dimension


async def test_minutes_add_up_to_hours_and_days(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, _ = shop
    for grain, of_minute in (("hour", "toStartOfHour(minute)"), ("day", "toDate(minute)")):
        assert await clickhouse.query(
            f"SELECT toString({of_minute}), link, sum(clicks) FROM bi_clicks_minute GROUP BY 1, 2 ORDER BY 1, 2"
        ) == await clickhouse.query(
            f"SELECT toString({grain}), link, sum(clicks) FROM bi_clicks_{grain} GROUP BY 1, 2 ORDER BY 1, 2"
        )


async def test_clicks_carry_the_newest_names_and_ids_where_there_is_none(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, _ = shop
    found = await clickhouse.query(
        "SELECT DISTINCT guide_name, store_name, region_name, campaign_name FROM bi_clicks_day WHERE link LIKE '%-1'"
    )
    assert set(found) == {
        ("张三", "南京西路店", "华东", "双十一大促"),
        ("李四", "天河城店", "华南", "双十一大促"),
        ("王五", "徐家汇店", "华东", "双十一大促"),
        ("", "", "", "双十一大促"),
    }
    await clickhouse.command("TRUNCATE TABLE guides")
    assert set(await clickhouse.query("SELECT DISTINCT guide_name FROM bi_clicks_hour")) == {
        ("g1",),
        ("g2",),
        ("g3",),
        ("",),
    }


async def test_unique_visitors_of_any_range_are_a_recount_of_the_rows(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, rows = shop
    ranges = [
        ("2026-11-20", "2026-11-21"),
        ("2026-11-20 23:45:00", "2026-11-21 00:15:00"),
        ("2026-11-16", "2026-11-23"),
    ]
    for since, until in ranges:
        low, high = (datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) for text in (since, until))
        for dimension, of in VISITOR_DIMENSIONS.items():
            visitors: dict[str, set[str]] = defaultdict(set)
            for row in rows:
                if row.is_human and low <= row.event_time < high:
                    visitors[of(row)].add(row.visitor_id)
            arguments = f"dimension = '{dimension}', since = '{since}', until = '{until}'"
            found = await clickhouse.query(f"SELECT id, visitors FROM bi_unique_visitors({arguments})")
            assert dict(found) == {key: len(ids) for key, ids in visitors.items()}, (dimension, since)


async def test_unique_visitors_of_a_day_are_a_recount_of_the_rows(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, rows = shop
    visitors: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in rows:
        for dimension, of in VISITOR_DIMENSIONS.items():
            if row.is_human and (row.variant or dimension != "variant"):
                visitors[GRAINS["day"](row), dimension, of(row)].add(row.visitor_id)
    found = await clickhouse.query("SELECT toString(day), toString(dimension), id, visitors FROM bi_visitors_day")
    assert set(found) == {(*key, len(ids)) for key, ids in visitors.items()}


async def test_an_unknown_dimension_of_unique_visitors_is_refused_by_name(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, _ = shop
    with pytest.raises(QueryError, match="dimension is link, guide, store"):
        await clickhouse.query(
            "SELECT * FROM bi_unique_visitors(dimension = 'shop', since = '2026-11-20', until = '2026-11-22')"
        )


async def test_states_that_a_kill_left_out_are_filled_in_again(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, rows = shop
    query = "SELECT * FROM bi_visitors_day ORDER BY ALL"
    before = await clickhouse.query(query)
    await clickhouse.command("TRUNCATE TABLE link_visitors")
    for partition in range(3):
        for _ in range(2):
            await refill(clickhouse, partition, 0, len(rows))
    assert await clickhouse.query(query) == before


async def test_bots_by_reason_are_a_recount_of_the_rows(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, rows = shop
    expected = Counter(
        (GRAINS["day"](row), reason, row.link) for row in rows for reason in row.bot_reasons if not row.is_human
    )
    found = await clickhouse.query("SELECT toString(day), reason, link, sum(clicks) FROM bi_bots_day GROUP BY ALL")
    assert {tuple(row[:3]): row[3] for row in found} == expected


async def test_the_click_log_has_one_row_a_tap_in_the_brands_time(shop: tuple[ClickHouse, list[Row]]) -> None:
    clickhouse, rows = shop
    found = await clickhouse.query("SELECT toString(event_time), click_id FROM bi_click_log")
    assert sorted(found) == sorted(
        (
            local(row).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
            f"click-{row.kafka_partition}-{row.kafka_offset}",
        )
        for row in rows
    )


async def test_registry_views_show_what_is_there_now(migrated: ClickHouse) -> None:
    owner = "('{}', toDateTime64('2026-11-{} 00:00:00', 3, 'UTC'))"
    await migrated.command(
        "INSERT INTO stores (store_id, name, region_id, region_name) SELECT 's1', '徐家汇店', 'r1', '华东'"
    )
    await migrated.command("INSERT INTO guides (guide_id, name, store_id, version) SELECT 'g1', '张三', 's1', 1")
    await migrated.command("INSERT INTO guides (guide_id, deleted, version) SELECT 'g2', true, 1")
    await migrated.command(
        "INSERT INTO links (link, number, owners, variants, version) "
        f"SELECT 'a', 1, [{owner.format('g1', '01')}, {owner.format('', '05')}], [('甲', 1, 'https://x')], 4"
    )
    await migrated.command("INSERT INTO links (link, number, version) SELECT 'a', 1, 3")
    assert await migrated.query("SELECT guide_id, name, store_name, region_name FROM bi_guides") == [
        ("g1", "张三", "徐家汇店", "华东")
    ]
    assert await migrated.query("SELECT link, guide_id, variants FROM bi_links") == [("a", "", ["甲"])]
    assert await migrated.query(
        "SELECT link, guide_id, toString(since), toString(until) FROM bi_link_owners ORDER BY since"
    ) == [
        ("a", "g1", "2026-11-01 08:00:00.000", "2026-11-05 08:00:00.000"),
        ("a", "", "2026-11-05 08:00:00.000", None),
    ]
