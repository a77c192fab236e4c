"""The audit of conversion windows and of customers against raw rows, on the real engine."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
import pytest

from schemas.customers import ORDERS, CustomerState, encode_state
from stream.sink.audit import AuditReport, audit
from stream.sink.clickhouse import ClickHouse
from stream.sink.customer_audit import compare_customers
from stream.sink.window_audit import CONVERSIONS, compare_windows
from tests.support.customer_events import customer, event
from tests.support.customer_rows import orders

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)
NOW_MS = NOON_MS + 3_600_000

RAW = [
    {"kafka_offset": 0, "type": "friend_added", "customer_id": "客户'一"},
    {"kafka_offset": 1, "type": "order_paid", "customer_id": "客户'一", "amount": "199.90", "margin": "80.5"},
    {"kafka_offset": 2, "type": "order_paid", "customer_id": "c2", "amount": "0.0001", "margin": "-3"},
    {"kafka_offset": 5, "type": "order_refunded", "customer_id": "客户'一", "amount": "99.90", "margin": "40.25"},
    {"kafka_offset": 6, "type": "moments_post"},
]
WINDOW = {
    "window_start": NOON,
    "guide_id": "g1",
    "link": "aB3dE6g",
    "version": 6,
    "friend_added": 1,
    "order_paid": 2,
    "order_refunded": 1,
    "moments_post": 1,
    "customers": 2,
    "order_amount": "199.9001",
    "refund_amount": "99.90",
    "margin": "37.25",
    "store_id": "s1",
}
FIRST: dict[str, Any] = {
    "payments": 1,
    "paid_orders": {"a": 1},
    "first_order": (NOON_MS, "a"),
    "last_order_at": NOON_MS,
}
FIRST |= {"revenue": 1_999_000, "refunds": 999_000, "margin": 402_500, "first_added_at": NOON_MS}
SECOND = FIRST | {"revenue": 1, "refunds": 0, "margin": -30_000, "first_added_at": 0}


def customer_row(customer_id: str, version: int, state: CustomerState) -> dict[str, Any]:
    return {"customer_id": customer_id, "version": version, "state": encode_state(state).decode()}


CUSTOMERS = [customer_row("客户'一", 5, CustomerState(**FIRST)), customer_row("c2", 2, CustomerState(**SECOND))]


async def insert(clickhouse: ClickHouse, table: str, rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        plain = {name: str(value)[:19] if isinstance(value, datetime) else value for name, value in row.items()}
        await clickhouse.insert(table, tuple(plain), orjson.dumps(plain), fmt="JSONEachRow")


async def fill(
    clickhouse: ClickHouse, *, window: dict[str, Any] | None = None, customers: Iterable[dict[str, Any]] = CUSTOMERS
) -> None:
    common = {
        "occurred_at": NOON,
        "append_time": NOON,
        "received_at": NOON,
        "credited_guide_id": "g1",
        "credited_link": "aB3dE6g",
        "store_id": "s1",
    }
    await insert(clickhouse, "conversions", [common | {"event_id": f"e{row['kafka_offset']}"} | row for row in RAW])
    await insert(clickhouse, "conversion_windows", [WINDOW | (window or {})])
    await insert(clickhouse, "customer_states", customers)


async def checked(clickhouse: ClickHouse) -> AuditReport:
    return await audit(clickhouse, None, now_ms=NOW_MS, hours=None)


async def test_windows_and_customers_that_say_what_raw_rows_say_do_not_differ(migrated: ClickHouse) -> None:
    await fill(migrated)
    report = await checked(migrated)
    assert report.lines()[1:3] == [
        "windows of conversions: 1 rows of 5 conversions compared, 0 differ, by 0 conversions",
        "customers: 2 rows compared, 0 differ",
    ]
    assert report.difference == 0


@pytest.mark.parametrize(
    ("column", "wrong", "difference"),
    [
        ("order_paid", 4, 2),
        ("customers", 3, 1),
        ("order_amount", "199.9", 5),
        ("margin", "37.2501", 5),
        ("touchpoint", "ad", 2),  # of the key: its events are another row's
    ],
)
async def test_a_window_with_a_wrong_measure_is_named(
    migrated: ClickHouse, column: str, wrong: str | int, difference: int
) -> None:
    await fill(migrated, window={column: wrong})
    report = await checked(migrated)
    assert (report.difference, report.conversions.different) == (difference, 1)
    shown = wrong if isinstance(wrong, int) or column == "touchpoint" else f"{Decimal(wrong):.4f}"
    assert f"{column} {shown!r}" in str(report.conversions.first)


async def test_a_window_whose_events_were_all_credited_anew_is_right_when_it_says_zero(migrated: ClickHouse) -> None:
    await fill(migrated)
    await insert(migrated, "conversion_windows", [{"window_start": NOON, "guide_id": "g2", "version": 6}])
    assert (await checked(migrated)).difference == 0


@pytest.mark.parametrize(
    ("column", "wrong"),
    [
        ("orders", {"paid_orders": {"a": 1, "b": 0}}),
        ("payments", {"payments": 2, "paid_orders": {"a": 2}}),
        ("revenue", {"revenue": 1_999_001}),
        ("refunds", {"refunds": 0}),
        ("margin", {"margin": 402_000}),
        ("first_order_at", {"first_order": (NOON_MS - 1_000, "a")}),
        ("last_order_at", {"last_order_at": 0}),
        ("first_added_at", {"first_added_at": 0}),
    ],
)
async def test_a_customer_with_a_wrong_column_is_named(
    migrated: ClickHouse, column: str, wrong: dict[str, Any]
) -> None:
    state = CustomerState(**(FIRST | wrong))
    await fill(migrated, customers=[customer_row("客户'一", 5, state), CUSTOMERS[1]])
    report = await checked(migrated)
    assert report.difference == report.customers.different == 1
    first = report.customers.first
    assert first is not None
    assert (first.customer_id, list(first.wrong)) == ("客户'一", [column])


async def test_an_order_that_was_paid_in_parts_is_one_and_of_very_many_the_row_is_checked_by_its_own_rule(
    migrated: ClickHouse,
) -> None:
    numbers = [*range(ORDERS + 60)] * 2
    state = customer(*[(event("order_paid", order_id=f"o{number}", amount="1", margin=None), 0) for number in numbers])
    assert ORDERS + 60 < orders(state) < len(numbers)
    common = {"type": "order_paid", "customer_id": "c1", "occurred_at": NOON, "received_at": NOON}
    raw = [
        common | {"kafka_offset": offset, "event_id": f"e{offset}", "order_id": f"o{number}", "amount": 1}
        for offset, number in enumerate(numbers)
    ]
    await insert(migrated, "conversions", raw)
    state.first_order, state.last_order_at = (NOON_MS, "o0"), NOON_MS
    await insert(migrated, "customer_states", [customer_row("c1", len(raw), state)])
    assert (await compare_customers(migrated, {0: 7}, since_ms=0, complete=True)).different == 0
    state.paid_orders["f" * 12] = 0
    await insert(migrated, "customer_states", [customer_row("c1", len(raw) + 1, state)])
    found = await compare_customers(migrated, {0: 7}, since_ms=0, complete=True)
    assert found.first is not None
    assert list(found.first.wrong) == ["orders"]


async def test_a_customer_row_may_lag_behind_raw_rows_until_they_are_committed(migrated: ClickHouse) -> None:
    early = CustomerState(**(FIRST | {"refunds": 0, "margin": 805_000}))
    await fill(migrated, customers=[customer_row("客户'一", 1, early), CUSTOMERS[1]])
    different = {
        committed: (await compare_customers(migrated, {0: committed}, since_ms=0, complete=True)).different
        for committed in (2, 5, 6)
    }
    assert different == {2: 0, 5: 0, 6: 1}


async def test_a_customer_without_a_row_is_missed_once_the_events_are_committed(migrated: ClickHouse) -> None:
    await fill(migrated, customers=CUSTOMERS[:1])
    assert (await compare_customers(migrated, {0: 2}, since_ms=0, complete=True)).different == 0
    found = await compare_customers(migrated, {0: 3}, since_ms=0, complete=True)
    assert (found.different, found.rows) == (1, 2)
    assert found.first is not None
    assert found.first.wrong["offsets up to"] == ("0", "3")


async def test_sums_are_not_compared_where_raw_rows_expire_and_old_customers_not_at_all(migrated: ClickHouse) -> None:
    await fill(
        migrated, customers=[customer_row("客户'一", 5, CustomerState(**(FIRST | {"payments": 9}))), CUSTOMERS[1]]
    )
    assert (await compare_customers(migrated, {0: 7}, since_ms=0, complete=False)).different == 0
    assert (await compare_customers(migrated, {0: 7}, since_ms=NOW_MS, complete=True)).rows == 0


async def test_conversions_of_a_batch_under_way_are_no_difference(migrated: ClickHouse) -> None:
    await fill(
        migrated, window={"version": 2, "order_refunded": 0, "moments_post": 0, "refund_amount": 0, "margin": "77.5"}
    )
    compared = {
        committed: (
            await compare_windows(migrated, CONVERSIONS, {0: committed}, since_ms=0, until_ms=NOW_MS)
        ).difference
        for committed in (0, 5, 6)
    }
    assert compared == {0: 0, 5: 0, 6: 1}
