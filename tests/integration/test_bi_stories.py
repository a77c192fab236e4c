"""Views of conversions on small stories, with numbers that were worked out by hand."""

import math
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from stream.base.clock import wall_clock
from stream.base.settings import load
from stream.sink.clickhouse import ClickHouse
from stream.sink.migrate import migrate
from tests.support.click_rows import Row, insert_clicks, insert_rows
from tests.support.conversion_rows import Event, tell

SHANGHAI = ZoneInfo("Asia/Shanghai")


def at(day: int, clock: str) -> datetime:
    """A moment of November 2025, by the clock in Shanghai: long ago, so that every horizon is over."""
    return datetime.combine(date(2025, 11, day), time.fromisoformat(clock), SHANGHAI).astimezone(UTC)


ON_A = Event(
    0,
    "",
    credited_guide_id="g1",
    credited_link="a",
    campaign_id="双十一",
    touchpoint="moments",
    click_id="tap-a",
    click_time=at(20, "10:00"),
)
ON_B = replace(
    ON_A,
    acting_guide_id="g2",
    credited_guide_id="g2",
    credited_link="b",
    store_id="s2",
    region_id="r2",
    campaign_id="",
    touchpoint="sms",
)
NO_CLICK = replace(
    ON_A,
    credited_link="",
    campaign_id="",
    touchpoint="",
    click_time=None,
    click_id="",
    attribution="guide",
    confidence=0.3,
)


def told(*events: Event) -> list[Event]:
    """The events with offsets in the order in which they are told."""
    return [replace(event, kafka_offset=offset) for offset, event in enumerate(events, 1)]


def on(base: Event, kind: str, moment: datetime, customer: str, **more: Any) -> Event:
    return replace(base, type=kind, occurred_at=moment, customer_id=customer, **more)


@pytest.fixture
async def named(migrated: ClickHouse) -> ClickHouse:
    """A database that knows the names of two guides, their stores and a campaign."""
    await insert_rows(
        migrated,
        "stores",
        [
            {"store_id": "s1", "name": "南京西路店", "region_id": "r1", "region_name": "华东"},
            {"store_id": "s2", "name": "天河城店", "region_id": "r2", "region_name": "华南"},
        ],
    )
    await insert_rows(
        migrated,
        "guides",
        [{"guide_id": "g1", "name": "张三", "store_id": "s1"}, {"guide_id": "g2", "name": "李四", "store_id": "s2"}],
    )
    await insert_rows(migrated, "campaigns", [{"campaign_id": "双十一", "name": "双十一大促"}])
    return migrated


async def test_an_order_that_is_paid_in_parts_is_one_order_and_no_repurchase(migrated: ClickHouse) -> None:
    def paid(day: int, customer: str, order_id: str, amount: str, **more: Any) -> Event:
        return on(ON_A, "order_paid", at(day, "10:00"), customer, order_id=order_id, amount=amount, **more)

    await tell(
        migrated,
        told(
            # The rest came in first, and under another id of hers.
            paid(22, "王芳-商城", "o1", "80", kafka_partition=1),
            paid(20, "王芳", "o1", "20"),
            on(ON_A, "alias", at(23, "09:00"), "王芳", properties={"alias": "王芳-商城"}),
            # Two orders, the second of them in parts.
            *(paid(20, "李雷", "o2", "50"), paid(21, "李雷", "o3", "10"), paid(23, "李雷", "o3", "40")),
        ),
    )
    assert await migrated.query(
        "SELECT customer_id, orders, payments, revenue FROM bi_customers ORDER BY customer_id"
    ) == [("李雷", 2, 3, 100), ("王芳", 1, 2, 100)]
    assert await migrated.query("SELECT order_id, payments, amount FROM bi_orders ORDER BY order_id") == [
        ("o1", 2, 100),
        ("o2", 1, 50),
        ("o3", 2, 50),
    ]
    assert await migrated.query(
        "SELECT toDayOfMonth(day), buyers, repeat_buyers FROM bi_rates_day WHERE dimension = 'all' AND buyers > 0 "
        "ORDER BY day"
    ) == [(20, 2, 0), (21, 1, 1), (22, 1, 0), (23, 1, 1)]
    # Rows that add up count payments.
    assert await migrated.query("SELECT sum(orders), sum(order_amount) FROM bi_funnel_day") == [(5, 200)]
    assert await migrated.query("SELECT sum(orders) FROM bi_attribution WHERE touch = 'last'") == [(5,)]


async def test_a_customer_goes_from_the_tap_to_the_refund_across_midnights_and_partitions(named: ClickHouse) -> None:
    taps = [
        Row(number, at(20, "10:00"), link=link, guide_id=guide, visitor_id=visitor, campaign_id=campaign)
        for number, (link, guide, visitor, campaign) in enumerate(
            [
                ("a", "g1", "v1", "双十一"),
                ("a", "g1", "v1", "双十一"),
                ("a", "g1", "v2", "双十一"),
                ("b", "g2", "v3", ""),
            ]
        )
    ]
    await insert_clicks(named, [*taps, Row(9, at(20, "10:00"), link="a", visitor_id="bot", is_human=False)])
    await tell(
        named,
        told(
            # 王芳 answers in the last second of the day, buys in the first of the next, gives a part back a week later.
            on(ON_A, "friend_added", at(20, "10:05"), "王芳", attribution="token", confidence=1),
            on(ON_A, "message_out", at(20, "10:06"), "王芳"),
            on(ON_A, "message_in", at(20, "23:59:59"), "王芳", kafka_partition=1),
            on(ON_A, "order_paid", at(21, "00:00"), "王芳", order_id="o1", amount="100.00", margin="40"),
            on(ON_A, "order_refunded", at(28, "00:00"), "王芳", order_id="o1", amount="30.00", margin="12"),
            # 李雷 bought before he was added, under another id of his, and never answered.
            on(ON_A, "order_paid", at(20, "10:01"), "李雷-商城", order_id="o2", amount="50.00", margin="20"),
            on(ON_A, "friend_added", at(20, "11:00"), "李雷", attribution="token", confidence=1),
            on(ON_A, "message_out", at(20, "11:01"), "李雷"),
            on(ON_A, "alias", at(22, "09:00"), "李雷", properties={"alias": "李雷-商城"}),
            on(ON_A, "friend_deleted", at(21, "08:00"), "李雷"),
        ),
    )
    columns = "visitors, added, first_added, served, dealt, buyers, repeat_buyers, adds, deletes"
    rates = "add_rate, serve_rate, deal_rate, delete_rate, repurchase_rate"
    found = await named.query(
        f"SELECT toString(day), {columns}, {rates} FROM bi_rates_day WHERE dimension = 'all' ORDER BY day"
    )
    assert found[:2] == [
        ("2025-11-20", 3, 2, 2, 1, 0, 1, 0, 2, 0, 2 / 3, 0.5, 0, 0, 0),
        ("2025-11-21", 0, 0, 0, 0, 1, 1, 0, 0, 1, None, None, None, None, 0),
    ]
    assert await named.query(
        "SELECT toString(dimension), name, visitors, added, add_rate FROM bi_rates_day "
        "WHERE day = '2025-11-20' AND (dimension, id) IN (('guide', 'g1'), ('link', 'a'), ('campaign', '双十一')) "
        "ORDER BY dimension"
    ) == [("campaign", "双十一大促", 2, 2, 1), ("guide", "张三", 2, 2, 1), ("link", "a", 2, 2, 1)]
    assert await named.query(
        "SELECT horizon, mature, visitors, added, served, dealt, buyers, order_amount, refund_amount, net_revenue, "
        "add_rate, deal_rate, order_rate FROM bi_cohort_clicks_day WHERE dimension = 'guide' AND id = 'g1' "
        "ORDER BY horizon"
    ) == [
        (0, True, 2, 2, 1, 0, 1, 50, 0, 50, 1, 0, 0.5),
        (1, True, 2, 2, 1, 1, 2, 150, 0, 150, 1, 1, 1),
        (7, True, 2, 2, 1, 1, 2, 150, 0, 150, 1, 1, 1),
        (30, True, 2, 2, 1, 1, 2, 150, 30, 120, 1, 1, 1),
    ]
    assert await named.query(
        "SELECT horizon, customers, served, dealt, buyers, deleted, net_revenue, serve_rate, deal_rate, delete_rate "
        "FROM bi_cohort_adds_day WHERE dimension = 'all' ORDER BY horizon"
    ) == [
        (0, 2, 1, 0, 1, 0, 50, 0.5, 0, 0),
        (1, 2, 1, 1, 2, 1, 150, 0.5, 1, 0.5),
        (7, 2, 1, 1, 2, 1, 150, 0.5, 1, 0.5),
        (30, 2, 1, 1, 2, 1, 120, 0.5, 1, 0.5),
    ]
    assert await named.query(
        "SELECT customer_id, is_friend, guide_name, toString(added_at), toString(deleted_at), former_guide_id, "
        "toString(served_at), toString(dealt_at), orders, net_revenue, margin, aliases, first_link FROM bi_customers "
        "ORDER BY customer_id"
    ) == [
        (
            *("李雷", False, "", "2025-11-20 11:00:00.000", "2025-11-21 08:00:00.000", "g1"),
            *(None, None, 1, 50, 20, 1, "a"),
        ),
        (
            *("王芳", True, "张三", "2025-11-20 10:05:00.000", None, ""),
            *("2025-11-20 23:59:59.000", "2025-11-21 00:00:00.000", 1, 70, 28, 0, "a"),
        ),
    ]
    assert await named.query(
        "SELECT order_id, toString(paid_at), customer_id, credited_link, amount, refunds, refund_amount, "
        "toString(last_refunded_at), net_amount, margin, payments FROM bi_orders ORDER BY order_id"
    ) == [
        ("o1", "2025-11-21 00:00:00.000", "王芳", "a", 100, 1, 30, "2025-11-28 00:00:00.000", 70, 28, 1),
        ("o2", "2025-11-20 10:01:00.000", "李雷", "a", 50, 0, 0, None, 50, 20, 1),
    ]
    assert await named.query(
        "SELECT toString(day), deals, ordered_first, round(median_days, 4) FROM bi_first_deal_cycle "
        "WHERE dimension = 'all' ORDER BY day"
    ) == [("2025-11-20", 0, 1, None), ("2025-11-21", 1, 0, round((13 * 60 + 55) / 1440, 4))]
    assert await named.query(
        "SELECT region_name, sum(clicks), sum(human_clicks), sum(adds), sum(orders), sum(net_revenue), sum(margin) "
        "FROM bi_funnel_day WHERE link = 'a' GROUP BY region_name"
    ) == [("华东", 0, 0, 2, 2, 120, 48)]


async def test_of_those_whom_clicks_added_the_served_are_a_part_and_of_them_the_dealt(
    named: ClickHouse,
) -> None:
    later = replace(ON_B, click_time=at(21, "09:00"), click_id="tap-b", attribution="token")
    await tell(
        named,
        told(
            # 王芳 was added by a click of the 20th; before she answered and bought, a click of the 21st was her last.
            on(ON_A, "friend_added", at(20, "10:05"), "王芳", attribution="token"),
            on(later, "message_out", at(21, "09:05"), "王芳"),
            on(later, "message_in", at(21, "09:06"), "王芳"),
            on(later, "order_paid", at(21, "10:00"), "王芳", order_id="o1", amount="100"),
            # 李雷 has been a served buyer for days when a click of the 20th leads him to a second guide.
            on(NO_CLICK, "friend_added", at(10, "08:00"), "李雷"),
            on(NO_CLICK, "message_out", at(10, "08:00"), "李雷"),
            on(NO_CLICK, "message_in", at(10, "08:01"), "李雷"),
            on(NO_CLICK, "order_paid", at(11, "08:00"), "李雷", order_id="o2", amount="50"),
            on(ON_A, "friend_added", at(21, "00:00"), "李雷", attribution="token", acting_guide_id="g2"),
        ),
    )
    assert await named.query(
        "SELECT toString(day), horizon, added, served, dealt, buyers, serve_rate, deal_rate FROM bi_cohort_clicks_day "
        "WHERE dimension = 'all' AND horizon < 7 ORDER BY day, horizon"
    ) == [
        ("2025-11-20", 0, 1, 0, 0, 0, 0, None),
        ("2025-11-20", 1, 2, 2, 2, 0, 1, 1),
        ("2025-11-21", 0, 0, 0, 0, 1, None, None),
        ("2025-11-21", 1, 0, 0, 0, 1, None, None),
    ]


async def test_a_cohort_of_adds_gives_back_only_what_it_has_bought(named: ClickHouse) -> None:
    def order(number: str, kind: str, day: int, clock: str, amount: str) -> Event:
        return on(ON_A, f"order_{kind}", at(day, clock), "王芳", order_id=number, amount=amount)

    await tell(
        named,
        told(
            # Bought a week before the add, given back on the day of the add and after it: not of this cohort.
            *(order("old", "paid", 13, "12:00", "500"), order("old", "refunded", 20, "12:00", "200")),
            *(order("old", "paid", 22, "12:00", "80"), order("old", "refunded", 22, "13:00", "380")),
            on(ON_A, "friend_added", at(20, "10:00"), "王芳"),
            # Paid in two parts after the add, given back a week later.
            *(order("new", "paid", 20, "20:00", "60"), order("new", "paid", 21, "20:00", "40")),
            order("new", "refunded", 27, "20:00", "30"),
            # A refund whose order never came.
            order("lost", "refunded", 20, "21:00", "7"),
        ),
    )
    assert await named.query(
        "SELECT horizon, order_amount, refund_amount, net_revenue FROM bi_cohort_adds_day WHERE dimension = 'all' "
        "ORDER BY horizon"
    ) == [(0, 60, 0, 60), (1, 100, 0, 100), (7, 100, 30, 70), (30, 100, 30, 70)]


async def test_relations_and_chats_count_for_the_guide_who_has_them_and_adds_for_the_link_that_led_to_them(
    named: ClickHouse,
) -> None:
    by_g2 = replace(ON_A, acting_guide_id="g2")  # 张三's link, 李四's chat
    await tell(
        named,
        told(
            on(by_g2, "friend_added", at(20, "10:00"), "王芳"),
            on(by_g2, "message_out", at(20, "10:01"), "王芳"),
            on(by_g2, "message_in", at(20, "10:02"), "王芳"),
            on(by_g2, "friend_deleted", at(20, "10:03"), "王芳"),
            on(ON_A, "friend_added", at(20, "10:00"), "李雷"),
            on(ON_A, "message_out", at(20, "10:01"), "李雷"),
        ),
    )
    assert await named.query(
        "SELECT toString(dimension), name, added, served, adds, deletes, delete_rate, chatting, interacting, "
        "interaction_rate FROM bi_rates_day WHERE dimension NOT IN ('campaign', 'touchpoint') ORDER BY dimension, id"
    ) == [
        ("all", "", 2, 1, 2, 1, 0.5, 2, 1, 0.5),
        ("guide", "张三", 2, 1, 1, 0, 0, 1, 0, 0),
        ("guide", "李四", 0, 0, 1, 1, 1, 1, 1, 1),
        ("link", "a", 2, 1, 2, 1, 0.5, 2, 1, 0.5),
        ("region", "华东", 2, 1, 1, 0, 0, 1, 0, 0),
        ("region", "华南", 0, 0, 1, 1, 1, 1, 1, 1),
        ("store", "南京西路店", 2, 1, 1, 0, 0, 1, 0, 0),
        ("store", "天河城店", 0, 0, 1, 1, 1, 1, 1, 1),
    ]


async def test_every_act_stands_under_the_guide_who_acted(named: ClickHouse) -> None:
    by_g2 = replace(ON_A, acting_guide_id="g2")  # 张三 is credited
    acts = ("friend_added", "friend_added", "friend_deleted", "message_in", "message_in", "message_out", "moments_post")
    handed = {"properties": {"from_guide": "g1"}}
    await tell(
        named,
        told(
            *(on(by_g2, kind, at(20, "23:59"), "王芳") for kind in acts),
            on(by_g2, "transferred", at(21, "00:00"), "李雷", **handed),
            on(ON_A, "friend_dropped", at(21, "00:00"), "韩梅"),
            on(ON_A, "order_paid", at(21, "00:00"), "韩梅", order_id="o1"),  # nothing that a guide does
            on(replace(by_g2, acting_guide_id=""), "group_joined", at(21, "00:00"), "韩梅"),
        ),
    )
    assert await named.query(
        "SELECT toString(day), guide_name, adds, deletes, drops, transfers, messages_in, messages_out, group_posts, "
        "moments_posts, delete_rate FROM bi_guide_work_day ORDER BY day, guide_id"
    ) == [
        ("2025-11-20", "李四", 2, 1, 0, 0, 2, 1, 0, 1, 0.5),
        ("2025-11-21", "张三", 0, 0, 1, 0, 0, 0, 0, 0, None),
        ("2025-11-21", "李四", 0, 0, 0, 1, 0, 0, 0, 0, None),
    ]


async def test_what_a_guide_did_stays_with_the_store_of_that_time_where_the_event_says_which(named: ClickHouse) -> None:
    moved = replace(ON_A, store_id="s-old", region_id="r-old")
    await tell(named, told(on(moved, "friend_added", at(20, "10:00"), "王芳")))
    assert await named.query("SELECT id, adds FROM bi_rates_day WHERE dimension = 'store'") == [("s-old", 1)]


async def test_a_cohort_is_mature_on_the_day_after_its_horizon(named: ClickHouse) -> None:
    now = datetime.fromtimestamp(wall_clock() / 1000, UTC)
    adds = [on(NO_CLICK, "friend_added", now - timedelta(days=days), f"c{days}") for days in (0, 1, 2, 8)]
    await tell(named, told(*adds))
    found = await named.query(
        "SELECT dateDiff('day', day, toDate(now(), 'Asia/Shanghai')) AS age, horizon, mature FROM bi_cohort_adds_day "
        "WHERE dimension = 'all'"
    )
    assert len(found) == 16
    assert [row for row in found if row[2] != (row[0] > row[1])] == []


async def test_answers_are_timed_from_the_first_unanswered_message(named: ClickHouse) -> None:
    def chat(guide: Event, customer: str, *messages: tuple[str, str]) -> list[Event]:
        kinds = {"客": "message_in", "导": "message_out"}
        return [on(guide, kinds[who], at(20, clock), customer) for who, clock in messages]

    await tell(
        named,
        told(
            # Asked twice, answered 60 s after the first; asked again and answered at once; then a question left open.
            *chat(ON_A, "王芳", ("导", "08:00"), ("客", "10:00"), ("客", "10:00:30"), ("导", "10:01"), ("导", "10:02")),
            *chat(ON_A, "王芳", ("客", "10:03"), ("导", "10:03"), ("客", "10:04")),
            # Another customer of the same guide, at the same time, under two ids: 300 s.
            *chat(ON_A, "李雷", ("客", "10:00")),
            *chat(ON_A, "李雷-商城", ("导", "10:05")),
            on(ON_A, "alias", at(20, "12:00"), "李雷", properties={"alias": "李雷-商城"}),
            # Another guide, asked before midnight and answered after it: 120 s.
            *chat(ON_B, "王芳", ("客", "23:59")),
            on(ON_B, "message_out", at(21, "00:01"), "王芳"),
        ),
    )
    assert await named.query(
        "SELECT toString(day), toString(dimension), name, questions, answered, unanswered, median_seconds, "
        "round(p90_seconds, 3) FROM bi_response_times WHERE dimension != 'region' ORDER BY dimension, id"
    ) == [
        ("2025-11-20", "all", "", 5, 4, 1, 90, 246),
        ("2025-11-20", "guide", "张三", 4, 3, 1, 60, 252),
        ("2025-11-20", "guide", "李四", 1, 1, 0, 120, 120),
        ("2025-11-20", "store", "南京西路店", 4, 3, 1, 60, 252),
        ("2025-11-20", "store", "天河城店", 1, 1, 0, 120, 120),
    ]


async def test_messages_of_one_moment_are_read_in_the_order_in_which_they_came(named: ClickHouse) -> None:
    second = at(20, "10:00")
    await tell(
        named,
        told(
            # WeCom's times are whole seconds. The guide wrote first, so the question is open until 10:01.
            on(ON_A, "message_out", second, "王芳"),
            on(ON_A, "message_in", second, "王芳"),
            on(ON_A, "message_out", at(20, "10:01"), "王芳"),
            # The customer wrote first, and was answered at once.
            on(ON_B, "message_in", second, "王芳"),
            on(ON_B, "message_out", second, "王芳"),
        ),
    )
    assert await named.query(
        "SELECT id, questions, answered, median_seconds FROM bi_response_times WHERE dimension = 'guide' ORDER BY id"
    ) == [("g1", 1, 1, 60), ("g2", 1, 1, 0)]


async def test_a_cost_is_spread_over_its_days_and_their_sum_is_the_cost(named: ClickHouse) -> None:
    def cost(amount: str, first: str, last: str) -> Event:
        period = {"from": first, "until": last}
        return on(NO_CLICK, "cost", at(20, "12:00"), "", amount=amount, campaign_id="双十一", properties=period)

    await tell(
        named,
        told(
            cost("100", "2025-10-30", "2025-11-01"),  # 2 days of October, 1 of November
            cost("0.0007", "2025-11-01", "2025-11-03"),
            cost("99999999999999.9999", "2025-01-01", "2025-12-31"),
            on(NO_CLICK, "cost", at(20, "23:30"), "", amount="11", touchpoint="ad"),  # no period: its own day
        ),
    )
    assert await named.query(
        "SELECT event_id, toString(toStartOfMonth(day)) AS month, sum(amount) FROM bi_costs_day "
        "WHERE event_id != '0:3' GROUP BY event_id, month ORDER BY event_id, month"
    ) == [
        ("0:1", "2025-10-01", Decimal("66.6666")),
        ("0:1", "2025-11-01", Decimal("33.3334")),
        ("0:2", "2025-11-01", Decimal("0.0007")),
        ("0:4", "2025-11-01", Decimal(11)),
    ]
    assert await named.query(
        "SELECT c.event_id FROM bi_costs AS c INNER JOIN "
        "(SELECT event_id, count() AS days, sum(amount) AS total, max(amount) - min(amount) AS apart "
        "FROM bi_costs_day GROUP BY event_id) AS d ON d.event_id = c.event_id "
        "WHERE d.total = c.amount AND d.days = c.days AND d.apart <= toDecimal64('0.0001', 4) ORDER BY 1"
    ) == [("0:1",), ("0:2",), ("0:3",), ("0:4",)]


async def test_moments_posts_tasks_and_costs_stand_on_their_day(named: ClickHouse) -> None:
    def post(clock: str, customer: str = "", guide: str = "g1", day: int = 20) -> Event:
        return on(NO_CLICK, "moments_post", at(day, clock), customer, acting_guide_id=guide)

    def task(kind: str, day: int, guide: str = "g1") -> Event:
        return on(NO_CLICK, kind, at(day, "00:00"), "", acting_guide_id=guide, properties={"task": "午间群发"})

    period = {"from": "2025-11-01", "until": "2025-11-11"}
    await tell(
        named,
        told(
            # g1: one post for all and one for 王芳, who can see both. g2: one each for two customers, none sees two.
            *(post("08:00"), post("20:00", "王芳"), post("00:00", day=21)),
            *(post("08:00", "王芳", "g2"), post("09:00", "李雷", "g2")),
            *(task("task_assigned", 20), task("task_assigned", 20), task("task_done", 20), task("task_done", 21)),
            on(NO_CLICK, "cost", at(20, "23:30"), "", amount="88.5", campaign_id="双十一", properties=period),
            on(NO_CLICK, "cost", at(20, "23:30"), "", amount="11", touchpoint="ad", acting_guide_id="g2"),
        ),
    )
    assert await named.query(
        "SELECT toString(day), toString(reading), guide_name, customer_id, posts, excess, toString(last_at) "
        "FROM bi_moments_violations ORDER BY reading, guide_id"
    ) == [
        ("2025-11-20", "customer", "张三", "王芳", 2, 1, "2025-11-20 20:00:00.000"),
        ("2025-11-20", "guide", "张三", "", 2, 1, "2025-11-20 20:00:00.000"),
        ("2025-11-20", "guide", "李四", "", 2, 1, "2025-11-20 09:00:00.000"),
    ]
    assert await named.query(
        "SELECT toString(day), guide_name, task, assigned, done, done_rate FROM bi_tasks ORDER BY day"
    ) == [("2025-11-20", "张三", "午间群发", 2, 1, 0.5), ("2025-11-21", "张三", "午间群发", 0, 1, None)]
    assert await named.query(
        "SELECT toString(from_day), toString(until_day), days, campaign_name, touchpoint, guide_name, amount "
        "FROM bi_costs ORDER BY amount"
    ) == [
        ("2025-11-20", "2025-11-20", 1, "", "ad", "李四", 11),
        ("2025-11-01", "2025-11-11", 11, "双十一大促", "", "张三", Decimal("88.5")),
    ]


async def test_first_and_last_touch_share_the_same_totals(named: ClickHouse) -> None:
    first_a = {"first_guide_id": "g1", "first_link": "a"}
    await tell(
        named,
        told(
            on(ON_A, "friend_added", at(20, "10:00"), "王芳", attribution="token", confidence=1, **first_a),
            on(ON_B, "order_paid", at(20, "11:00"), "王芳", amount="100", margin="40", order_id="o1", **first_a),
            on(ON_B, "order_refunded", at(20, "12:00"), "王芳", amount="10", margin="4", order_id="o1", **first_a),
            on(NO_CLICK, "order_paid", at(20, "13:00"), "李雷", amount="7", order_id="o2"),
            on(
                NO_CLICK, "order_paid", at(20, "13:00"), "", amount="5", order_id="o3", attribution="none", confidence=0
            ),
        ),
    )
    totals = "sum(events), sum(adds), sum(orders), sum(net_revenue), sum(margin)"
    assert await named.query(
        f"SELECT toString(touch), guide_name, link, {totals} FROM bi_attribution WHERE attribution != 'none' "
        "GROUP BY touch, guide_name, link ORDER BY touch, link"
    ) == [
        ("first", "", "", 1, 0, 1, 7, 0),
        ("first", "张三", "a", 3, 1, 1, 90, 36),
        ("last", "张三", "", 1, 0, 1, 7, 0),
        ("last", "张三", "a", 1, 1, 0, 0, 0),
        ("last", "李四", "b", 2, 0, 1, 90, 36),
    ]
    assert await named.query(
        f"SELECT toString(attribution), toString(confidence_band), {totals} FROM bi_attribution WHERE touch = 'last' "
        "GROUP BY attribution, confidence_band ORDER BY attribution"
    ) == [
        ("customer", "high", 2, 0, 1, 90, 36),
        ("guide", "low", 1, 0, 1, 7, 0),
        ("none", "none", 1, 0, 1, 5, 0),
        ("token", "certain", 1, 1, 0, 0, 0),
    ]


async def test_visitors_who_came_back_had_been_there_on_an_earlier_day(
    named: ClickHouse, environ: dict[str, str]
) -> None:
    environ["GUIDESTREAM_CLICKHOUSE_RAW_TTL_DAYS"] = "0"  # the story grows older every day
    await migrate(named, load(environ))
    taps = {
        "back": [(19, "23:59"), (20, "00:00")],
        "twice": [(20, "08:00"), (20, "20:00")],
        "gone": [(19, "12:00")],
        "forgotten": [(20, "12:00")],
    }
    rows = [Row(0, at(*moment), visitor_id=visitor) for visitor, moments in taps.items() for moment in moments]
    rows += [Row(0, at(20, "12:00") - timedelta(days=31), visitor_id="forgotten")]
    rows += [Row(0, at(day, "12:00"), visitor_id="hash") for day in (19, 20)]
    await insert_clicks(named, [replace(row, kafka_offset=number) for number, row in enumerate(rows)])
    kind = "if(visitor_id = 'hash', 'hash', 'cookie')"
    await named.command(f"ALTER TABLE clicks UPDATE visitor_kind = {kind} WHERE true SETTINGS mutations_sync = 1")
    asked = "bi_return_visits(dimension = 'guide', since = '2025-11-20', until = '2025-11-21')"
    assert await named.query(f"SELECT * FROM {asked}") == [("g1", 3, 1, pytest.approx(1 / 3))]


@pytest.mark.parametrize("join_use_nulls", [0, 1])
async def test_no_rate_is_ever_anything_but_a_number_or_null(named: ClickHouse, join_use_nulls: int) -> None:
    views = [
        (name, f"{name}(dimension = 'all', since = '2025-11-20', until = '2025-11-21')" if name in asked else name)
        for (name,) in await named.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'bi_')"
        )
        for asked in [("bi_return_visits", "bi_unique_visitors")]
    ]
    settings = {"join_use_nulls": join_use_nulls}
    about_registry = {"bi_brand", "bi_stores", "bi_guides", "bi_campaigns"}
    for name, view in views:
        rows = await named.query(f"SELECT * FROM {view}", settings=settings)
        assert bool(rows) == (name in about_registry), name
    # Something of everything, and nothing that it could be a share of.
    kinds = ("message_in", "order_paid", "order_refunded", "lead", "shared", "task_done", "friend_deleted", "referred")
    properties = {"task": "t", "referred_by": "c9"}
    await tell(named, told(*(on(ON_A, kind, at(20, "10:00"), "王芳", properties=properties) for kind in kinds)))
    for _, view in views:
        for row in await named.query(f"SELECT * FROM {view}", settings=settings):
            assert not [value for value in row if isinstance(value, float) and not math.isfinite(value)], view
