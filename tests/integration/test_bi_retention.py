"""A rate whose rows were dropped by retention is unknown, not nought; as are all before the first row."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stream.base.clock import wall_clock
from stream.base.settings import load
from stream.sink.clickhouse import ClickHouse
from stream.sink.migrate import migrate
from tests.support.click_rows import Row, insert_clicks
from tests.support.conversion_rows import Event, tell

KINDS = ("friend_added", "message_out", "message_in", "order_paid", "task_assigned", "task_done")


def days_ago(days: int) -> datetime:
    """Noon in Shanghai, so many of its days ago."""
    today = datetime.fromtimestamp(wall_clock() / 1000 + 8 * 3600, UTC).replace(hour=4, minute=0, second=0)
    return today.replace(microsecond=0) - timedelta(days=days)


@pytest.fixture
async def shop(migrated: ClickHouse) -> ClickHouse:
    """One customer a day and a click before, 60, 30 and 10 days ago, each received when it happened."""
    taps: list[Row] = []
    events: list[Event] = []
    for number, days in enumerate((60, 30, 10)):
        moment = days_ago(days)
        taps.append(Row(number, moment, visitor_id="v1", received_at=moment))
        for kind in KINDS:
            properties = {"task": "回访"} if kind.startswith("task_") else {}
            facts: dict[str, Any] = {"order_id": f"o{days}", "properties": properties, "click_time": moment}
            customer = "" if properties else f"c{days}"
            events.append(Event(len(events) + 1, kind, moment, customer, received_at=moment, **facts))
    await insert_clicks(migrated, taps)
    await tell(migrated, events)
    await migrated.command("ALTER TABLE clicks UPDATE visitor_kind = 'cookie' WHERE true SETTINGS mutations_sync = 1")
    return migrated


async def keep(clickhouse: ClickHouse, environ: dict[str, str], **days: int) -> None:
    """Set retention, and drop what is too old at once."""
    environ.update({f"GUIDESTREAM_CLICKHOUSE_{name.upper()}_TTL_DAYS": str(value) for name, value in days.items()})
    await migrate(clickhouse, load(environ))
    for table in ("clicks", "conversions", "customer_states"):
        await clickhouse.command(f"OPTIMIZE TABLE {table} FINAL")


async def rates(clickhouse: ClickHouse) -> list[list[tuple[Any, ...]]]:
    """By view, oldest day first: the rates of all."""
    by_event = "SELECT add_rate, serve_rate, deal_rate, interaction_rate FROM bi_rates_day WHERE dimension = 'all'"
    by_click = "SELECT add_rate, serve_rate, deal_rate, order_rate FROM bi_cohort_clicks_day WHERE dimension = 'all'"
    by_add = "SELECT serve_rate, deal_rate, order_rate, delete_rate FROM bi_cohort_adds_day WHERE dimension = 'all'"
    done = "SELECT done_rate FROM bi_tasks"
    asked = (by_event, f"{by_click} AND horizon = 7", f"{by_add} AND horizon = 7", done)
    return [await clickhouse.query(f"{one} ORDER BY day") for one in asked]


KNOWN = [(1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 0), (1,)]
UNKNOWN = [(None,) * 4] * 2


async def test_rates_of_days_whose_conversions_are_gone_are_unknown(shop: ClickHouse, environ: dict[str, str]) -> None:
    assert await rates(shop) == [[one] * 3 for one in KNOWN]
    await keep(shop, environ, conversions=40)
    by_event, by_click, by_add, done = await rates(shop)
    assert [by_event, by_click] == [[one, *[known] * 2] for one, known in zip(UNKNOWN, KNOWN[:2], strict=True)]
    assert [by_add, done] == [[known] * 2 for known in KNOWN[2:]]  # no day to speak of
    assert await shop.query("SELECT sum(visitors) FROM bi_rates_day WHERE dimension = 'all'") == [(3,)]


async def test_rates_stay_unknown_when_rows_are_kept_longer_again(shop: ClickHouse, environ: dict[str, str]) -> None:
    await keep(shop, environ, conversions=40)
    await keep(shop, environ, conversions=0)
    assert (await rates(shop))[:2] == [[one, *[known] * 2] for one, known in zip(UNKNOWN, KNOWN[:2], strict=True)]


async def test_a_day_of_which_a_part_is_left_has_no_rates(shop: ClickHouse, environ: dict[str, str]) -> None:
    when: dict[str, Any] = {"occurred_at": days_ago(60), "received_at": days_ago(1)}
    await tell(shop, [Event(98, "friend_added", customer_id="c98", **when), Event(99, "lead", **when)])
    await keep(shop, environ, conversions=40)
    assert [view[0] for view in (await rates(shop))[:3]] == [*UNKNOWN, (None,) * 4]


async def test_rates_of_customers_who_were_forgotten_are_unknown(shop: ClickHouse, environ: dict[str, str]) -> None:
    await shop.command(
        "ALTER TABLE customer_states UPDATE updated_at = fromUnixTimestamp64Milli(ifNull(nullIf(JSONExtractInt("
        "state, 'first_added_at'), 0), toUnixTimestamp64Milli(updated_at)), 'UTC') WHERE true "
        "SETTINGS mutations_sync = 1"
    )
    await keep(shop, environ, customers=20)
    assert [view[-2:] for view in (await rates(shop))[:2]] == [
        [one, known] for one, known in zip(UNKNOWN, KNOWN[:2], strict=True)
    ]


async def test_who_came_back_is_unknown_where_the_clicks_before_are_gone(
    shop: ClickHouse, environ: dict[str, str]
) -> None:
    async def returned(since: int) -> list[tuple[Any, ...]]:
        span = f"since = '{days_ago(since):%F}', until = '{days_ago(since - 1):%F}'"
        return await shop.query(f"SELECT visitors, return_visit_rate FROM bi_return_visits(dimension = 'all', {span})")

    assert [await returned(days) for days in (60, 30, 10)] == [[(1, 0)], [(1, 1)], [(1, 1)]]
    await keep(shop, environ, raw=45)
    assert [await returned(days) for days in (60, 30, 10)] == [[], [(1, None)], [(1, 1)]]


async def test_where_no_conversion_was_ever_told_no_rate_is_known(migrated: ClickHouse) -> None:
    await insert_clicks(migrated, [Row(1, days_ago(3), received_at=days_ago(3))])
    for view in ("bi_rates_day", "bi_cohort_clicks_day"):
        assert await migrated.query(f"SELECT DISTINCT visitors, add_rate FROM {view}") == [(1, None)]
