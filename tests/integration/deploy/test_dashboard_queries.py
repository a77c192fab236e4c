"""Every query of the dashboards and rules, executed.

PromQL by a real Prometheus that scrapes every metric there is, SQL by the real ClickHouse engine with the migrated
schema, as the read-only user that Grafana is.
"""

import re
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from stream.base.settings import load
from stream.sink.clickhouse import ClickHouse
from tests.support.conversion_rows import Event, tell
from tests.support.metrics import Query, promql, recorded, rules, sql
from tests.support.prometheus import Prometheus, exporting, running

PROMQL, SQL = promql(), sql()
NOW_S = 1_795_000_000
ALERTS = frozenset(rule["alert"] for rule in rules() if "alert" in rule)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped the whole catalogue often enough for every recording rule to have a value."""
    with exporting() as target, running(tmp_path_factory.mktemp("prometheus"), target, free_port()) as started:
        deadline = time.monotonic() + 60
        while missing := [name for name in sorted(recorded()) if not started.query(name)]:
            assert time.monotonic() < deadline, f"no value after a minute: {missing}"
            time.sleep(0.2)
        yield started


def as_grafana_asks(expression: str) -> str:
    """A query with its template variables filled in."""
    return expression.replace("$window", "1h").replace("$guide", ".*")


@pytest.mark.parametrize("query", PROMQL, ids=[query.origin for query in PROMQL])
def test_a_promql_query_is_answered_with_data(prometheus: Prometheus, query: Query) -> None:
    result = prometheus.query(as_grafana_asks(query.text))
    # An alert's query is empty when all is well; whether it fires when it should is promtool's to test.
    assert result or query.origin in ALERTS


def test_rules_were_loaded_and_are_healthy(prometheus: Prometheus) -> None:
    found = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert {rule["name"] for rule in found} == recorded() | ALERTS
    assert {rule["health"] for rule in found} == {"ok"}


def as_the_plugin_sends(statement: str, from_s: int = NOW_S - 86_400, to_s: int = NOW_S) -> str:
    """A statement with variables and the macros of Grafana's ClickHouse plugin filled in."""
    statement = re.sub(
        r"\$__timeInterval\((\w+)\)", r"toStartOfInterval(toDateTime(\1), INTERVAL 60 second)", statement
    )
    statement = statement.replace("$__fromTime", f"toDateTime({from_s})")
    statement = statement.replace("$__toTime", f"toDateTime({to_s})")
    statement = statement.replace("$dimension", "guide").replace("$horizon", "7")
    assert "$" not in statement
    return statement


async def insert_two_taps(clickhouse: ClickHouse) -> None:
    """A person's tap and a crawler's, an hour ago."""
    at = f"toDateTime64({NOW_S - 3_600}, 3, 'UTC')"
    await clickhouse.command(
        f"""
        INSERT INTO clicks (click_id, event_time, append_time, received_at, kafka_partition, kafka_offset, link,
                            guide_id, region_id, touchpoint, outcome, visitor_id, platform, referrer_class, is_human,
                            bot_reasons)
        SELECT 'c' || toString(number), {at}, {at}, {at}, 0, number, 'a8Xk2Pq', 'g1', 'east', 'sms', 'redirected',
               'v' || toString(number), 'wechat', 'direct', number = 0, if(number = 0, [], ['crawler'])
        FROM numbers(2)
        """
    )
    await clickhouse.command(
        f"""
        INSERT INTO link_windows (window_start, guide_id, link, region_id, touchpoint, kafka_partition, version, clicks,
                                  human_clicks, redirected)
        VALUES (toDateTime({NOW_S - 3_600}), 'g1', 'a8Xk2Pq', 'east', 'sms', 0, 1, 2, 1, 2)
        """
    )


async def insert_a_sale(clickhouse: ClickHouse) -> None:
    """Somebody who was added, asked, was answered, bought and gave back within minutes; and what the guide did."""
    start = datetime.fromtimestamp(NOW_S - 3_600, UTC)
    kinds = ("friend_added", "message_in", "message_out", "order_paid", "order_refunded")
    guides = ("moments_post", "moments_post", "task_assigned", "cost")
    said = [
        Event(
            minute,
            kind,
            start + timedelta(minutes=minute),
            "王芳" if kind in kinds else "",
            click_time=start,
            order_id="o1",
            amount="10",
            properties={"task": "回访"},
        )
        for minute, kind in enumerate((*kinds, *guides))
    ]
    await tell(clickhouse, said)


@asynccontextmanager
async def read_only(environ: dict[str, str]) -> AsyncIterator[ClickHouse]:
    """A connection of the user that Grafana is."""
    user = {
        "GUIDESTREAM_CLICKHOUSE_USER": environ["GUIDESTREAM_CLICKHOUSE_BI_USER"],
        "GUIDESTREAM_CLICKHOUSE_BI_USER": "another",  # two users of one name are refused
        "GUIDESTREAM_CLICKHOUSE_PASSWORD": environ["GUIDESTREAM_CLICKHOUSE_BI_PASSWORD"],
    }
    reader = await ClickHouse.connect(load(environ | user))
    try:
        yield reader
    finally:
        await reader.close()


async def test_every_sql_query_finds_rows_for_the_read_only_user(migrated: ClickHouse, environ: dict[str, str]) -> None:
    await insert_two_taps(migrated)
    await insert_a_sale(migrated)
    async with read_only(environ) as reader:
        found = {query.origin: await reader.query(as_the_plugin_sends(query.text)) for query in SQL}
    assert len(found) == len(SQL) > 5
    assert [origin for origin, rows in found.items() if not rows] == []


async def test_a_panel_of_days_shows_the_brands_days_that_the_range_touches_and_no_other(
    migrated: ClickHouse, environ: dict[str, str]
) -> None:
    await insert_two_taps(migrated)
    await insert_a_sale(migrated)
    of_days = [query for query in SQL if "toDate(" in query.text]
    assert len(of_days) > 10
    # Three hours each, in UTC on the 17th, on the 17th and on the 18th; all that happened is on the 18th in Shanghai.
    evening, night, next_night = (
        datetime(2026, 11, day, hour, tzinfo=ZoneInfo("Asia/Shanghai")) for day, hour in ((17, 20), (18, 4), (19, 4))
    )
    shown: dict[str, list[datetime]] = {query.origin: [] for query in of_days}
    async with read_only(environ) as reader:
        for start in (evening, night, next_night):
            from_s = int(start.timestamp())
            for query in of_days:
                if await reader.query(as_the_plugin_sends(query.text, from_s, from_s + 3 * 3_600)):
                    shown[query.origin].append(start)
    assert shown == {query.origin: [night] for query in of_days}
