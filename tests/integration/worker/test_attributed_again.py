"""What `attributed` is told once more, after a crash, from raw rows: the same bytes as at first."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.conversions import CONTRACT
from schemas.erasure import CUSTOMER, ERASED, erased_event
from schemas.token import Signer
from stream.sink.clickhouse import ClickHouse
from stream.worker.attributed import Record
from tests.property.test_event_schemas import good
from tests.support.click_rows import Row, insert_clicks
from tests.support.conversion_lane import PERSON_KEYS, TOKEN_KEYS, Lane, Time, Worker, order, refund, registry
from tests.support.events import AT_MS
from tests.support.registry import owned

PSEUDONYM = "erased:" + "0" * 32
SOMEBODY = "某甲"
PARTITIONS = count()
"""Of each example its own: rows stay where they are."""
CLICK = Signer(1, TOKEN_KEYS[1], edge=1).sign(1, AT_MS - 60_000, 0)


async def told(worker: Worker, lane: Lane) -> list[Record]:
    """What the lane has for the topic so far."""
    lane.state.outbox.flushed(lane.state.windows.batch)
    await lane.state.outbox.send()
    return worker.told.records


async def told_again(worker: Worker, partition: int) -> list[Record]:
    successor = Worker(worker.clickhouse, worker.clock)
    await successor.lane(partition).recover()
    return successor.told.records


async def once_more(worker: Worker, partition: int, events: Sequence[dict[str, Any]]) -> list[Record]:
    """Take some events; each of them is told again as it was told first."""
    lane = worker.lane(partition)
    await lane.take(0, *events)
    first = await told(worker, lane)
    assert await told_again(worker, partition) == first
    return first


@pytest.fixture
async def worker(migrated: ClickHouse) -> Worker:
    await registry(migrated, [owned("g1"), owned("g2", "b2", 2)])
    at = datetime.fromtimestamp((AT_MS - 60_000) / 1000, UTC)
    # A click of whose id the time cannot be read, as that of a clock that was ahead.
    await insert_clicks(migrated, [Row(0, at, link="b2", guide_id="g2", visitor_id="v1")])
    return Worker(migrated, Time())


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_whatever_an_event_holds_it_is_told_again_in_the_same_bytes(worker: Worker, data: st.DataObject) -> None:
    drawn = data.draw(st.lists(good(CONTRACT), min_size=20, max_size=60))
    again = Worker(worker.clickhouse, worker.clock)
    partition = next(PARTITIONS)
    events = [
        {
            **event,
            "event_id": f"{partition}:{place}:{event['event_id']}"[:128],
            "occurred_at": min(event["occurred_at"], AT_MS + 5 * (place % 2)),
            "visitor_id": data.draw(st.sampled_from(["", "v1", event.get("visitor_id", "")])),
            "token": data.draw(st.sampled_from(["", CLICK])),
        }
        for place, event in enumerate(drawn)
        if event["type"] != ERASED
    ]
    await once_more(again, partition, events)


@pytest.mark.parametrize(
    "more",
    [
        {"amount": "12.50", "margin": "-0.50"},
        {"amount": "0007", "margin": "0.00"},
        {"amount": "0.0", "margin": "-0"},
        {"amount": "999999999999.9999", "margin": "-999999999999.9990"},
        {"properties": {}, "link": "", "visitor_id": "", "customer_id": ""},
        {"properties": {"z": 1.0, "a": [None, True][0], "n": 9007199254740991, "f": -0.0, "名": "\u0000\n"}},
    ],
)
async def test_amounts_and_empty_fields_have_one_spelling(worker: Worker, more: dict[str, Any]) -> None:
    await once_more(
        worker, 0, [order("o1", **more), {"type": "satisfaction", "currency": "CNY", **more_properties(more)}]
    )


def more_properties(more: dict[str, Any]) -> dict[str, Any]:
    return {"properties": {**more.get("properties", {}), "score": 5}, "margin": more.get("margin", "1")}


async def test_the_first_touch_is_told_with_its_time_whatever_its_id_says(worker: Worker) -> None:
    events = [
        {"type": "lead", "customer_id": "c1", "visitor_id": "v1"},
        {"type": "lead", "customer_id": "c1", "token": CLICK},
        order("o1", customer_id="c1"),
        refund("o1"),
    ]
    records = await once_more(worker, 0, events)
    assert len(records) == 4


async def test_what_an_erased_customer_did_late_is_told_again_as_it_was(worker: Worker) -> None:
    lane = worker.lane()
    erasure = erased_event(CUSTOMER, SOMEBODY, PSEUDONYM, AT_MS - 3_000, "erasure:0", PERSON_KEYS)
    touched = {"customer_id": SOMEBODY, "occurred_at": AT_MS - 5_000}
    await lane.take(0, {"type": "lead", **touched, "token": CLICK}, dict(erasure), {"type": "shared", **touched})
    *_, late = await told(worker, lane)
    assert b'"clicked_at"' in late[1]
    assert b'"click_id"' not in late[1]
    assert await told_again(worker, 0) == worker.told.records
