"""Who is erased together: which browsers and clicks a customer or a number leads to."""

from typing import Any

from stream.sink.clickhouse import ClickHouse
from stream.sink.people import Person, of_customers, of_phone
from tests.support.click_rows import NOON, insert_rows

_EMPTY = dict.fromkeys(("customer_id", "visitor_id", "token", "click_id", "first_click_id", "attribution"), "")

_TIMES = {"received_at": NOON, "append_time": NOON}


async def filled(clickhouse: ClickHouse, *events: dict[str, str]) -> None:
    """Three clicks by three browsers, and events."""
    clicks: list[dict[str, Any]] = [{"click_id": f"click-{at}", "visitor_id": f"v{at}"} for at in range(3)]
    clicks = [{**one, "kafka_offset": at, **_TIMES} for at, one in enumerate(clicks)]
    await insert_rows(clickhouse, "clicks", clicks)
    rows = [{**_EMPTY, "properties": "{}", "kafka_offset": at, **_TIMES, **event} for at, event in enumerate(events)]
    await insert_rows(clickhouse, "conversions", rows)


async def test_a_click_that_may_be_anybodys_leads_to_no_browser(migrated: ClickHouse) -> None:
    guess = {"customer_id": "c1", "attribution": "guide", "click_id": "click-0", "first_click_id": "click-0"}
    known = {"customer_id": "c1", "attribution": "token", "click_id": "click-1", "first_click_id": "click-1"}
    await filled(migrated, guess, {**known, "token": "click-1"})
    assert await of_customers(migrated, ["c1"]) == Person(customers=("c1",), visitors=("v1",), clicks=("click-1",))


async def test_a_number_leads_to_the_browser_whose_page_left_it(migrated: ClickHouse) -> None:
    left = {"properties": '{"phone_hash":"k1:00"}'}
    await filled(
        migrated,
        {**left, "token": "click-0"},
        {**left, "token": "click-1", "visitor_id": "v9"},
        {**left, "token": "never-seen"},
        {"token": "click-2"},
    )
    assert await of_phone(migrated, ["k1:00"]) == Person(
        visitors=("v0", "v1", "v9"), phones=("k1:00",), clicks=("click-0", "never-seen")
    )
    assert await of_phone(migrated, ["k1:11"]) == Person(phones=("k1:11",))
