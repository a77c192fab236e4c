"""What the intake makes of an event, and that it keeps exactly what it calls accepted."""

import threading
from typing import Any

import orjson
import pytest

from schemas.conversions import MAX_CONVERSION_BYTES
from schemas.person_hashes import PersonKeys
from schemas.personal import protect
from schemas.rejects import Reject
from stream.base import metrics
from stream.base.errors import SpoolFullError
from stream.base.settings import Settings
from stream.intake import Intake, Outcome

NOW = 1_800_000_000_000


class Kept:
    """A spool in memory, which may be full."""

    def __init__(self) -> None:
        self.records: list[tuple[bytes, dict[str, Any]]] = []
        self.full = False

    def append(self, key: bytes, value: bytes) -> None:
        if self.full:
            raise SpoolFullError("it reached its cap")
        self.records.append((key, orjson.loads(value)))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def intake(settings: Settings, kept: Kept) -> Intake:
    return Intake(settings, kept, owner="api", protect=lambda event: event, clock=lambda: NOW)


def order(**fields: Any) -> dict[str, Any]:
    return {
        "event_id": "order_paid:1",
        "type": "order_paid",
        "occurred_at": NOW - 5,
        "customer_id": "顾客1",
        "order_id": "1",
        "amount": "12.50",
        **fields,
    }


def test_a_good_event_is_kept_as_the_contract_has_it(intake: Intake, kept: Kept) -> None:
    assert intake.take(order(unknown="x")) == Outcome("accepted", "order_paid:1")
    [(key, value)] = kept.records
    assert key == "顾客1".encode()
    assert value == order(v=1, currency="CNY")


def test_an_event_id_counts_once_however_it_comes(intake: Intake, kept: Kept) -> None:
    assert intake.take(order()).status == "accepted"
    assert intake.take(order(amount="99")).status == "duplicate"
    assert intake.take_json(orjson.dumps(order())) == Outcome("duplicate", "order_paid:1")
    assert len(kept.records) == 1


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"amount": 12.5}, "amount", "wrong_type"),
        ({"amount": "-1"}, "amount", "out_of_range"),
        ({"amount": ""}, "amount", "out_of_range"),
        ({"type": "no_such"}, "type", "out_of_range"),
        ({"currency": "USD"}, "currency", "out_of_range"),
        ({"occurred_at": 5}, "occurred_at", "past"),
        ({"occurred_at": NOW + 300_001}, "occurred_at", "future"),
        ({"event_id": ""}, "event_id", "out_of_range"),
        ({"event_id": 7}, "event_id", "wrong_type"),
        ({"customer_id": "x" * 65}, "customer_id", "out_of_range"),
        ({"properties": {"campaign": 5}}, "properties.campaign", "wrong_type"),
        ({"v": 2}, "v", "unknown_version"),
        ({"order_id": "\ud800"}, "order_id", "not_json"),
        ({"properties": {f"{n:02}": "\0" * 512 for n in range(32)}}, "", "too_large"),
    ],
)
def test_a_bad_event_is_refused_with_its_field_and_a_reason(
    intake: Intake, kept: Kept, fields: dict[str, Any], field: str, reason: str
) -> None:
    outcome = intake.take(order(**fields))
    assert (outcome.status, outcome.reason) == ("rejected", reason)
    assert outcome.field == ("" if reason == "not_json" else field)
    assert outcome.detail
    assert not outcome.detail.startswith(f"{field}:")
    assert kept.records == []


def test_a_refused_event_can_come_again_mended(intake: Intake, kept: Kept) -> None:
    assert intake.take(order(amount="x")).status == "rejected"
    assert intake.take(order()).status == "accepted"
    assert len(kept.records) == 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"\xff", "not_json"),
        (b"[]", "not_object"),
        (b"null", "not_object"),
        (b"[" * 2000, "not_json"),
        (b" " * (MAX_CONVERSION_BYTES + 1), "too_large"),
        (b'{"event_id":"a","x":[[[[[[[[[]]]]]]]]]}', "too_deep"),
    ],
)
def test_bytes_that_are_no_event_are_refused(intake: Intake, value: bytes, reason: str) -> None:
    assert intake.take_json(value)[0::3] == ("rejected", reason)


def test_what_the_full_disk_refused_can_come_again(intake: Intake, kept: Kept) -> None:
    kept.full = True
    with pytest.raises(SpoolFullError):
        intake.take(order())
    kept.full = False
    assert intake.take(order()).status == "accepted"


def test_personal_data_is_taken_out_before_the_disk(settings: Settings, kept: Kept) -> None:
    def protect(event: Any) -> Any:
        if event["customer_id"].isdigit():
            raise Reject("out_of_range", "customer_id: looks like a phone number")
        return {**event, "properties": {}}

    intake = Intake(settings, kept, owner="api", protect=protect, clock=lambda: NOW)
    assert intake.take(order(properties={"phone": "13800000000"})).status == "accepted"
    assert kept.records[0][1]["properties"] == {}
    assert intake.take(order(event_id="2", customer_id="13800000000"))[2:4] == ("customer_id", "out_of_range")


def test_fates_are_counted_by_source(intake: Intake) -> None:
    def counts(source: str) -> list[float]:
        fates = ("accepted", "duplicate", "rejected")
        return [metrics.INTAKE_EVENTS.labels(source, fate)._value.get() for fate in fates]

    before = {source: counts(source) for source in ("api", "wecom")}
    intake.take(order(), source="wecom")
    intake.take(order())
    intake.take({})
    assert [new - old for new, old in zip(counts("wecom"), before["wecom"], strict=True)] == [1, 0, 0]
    assert [new - old for new, old in zip(counts("api"), before["api"], strict=True)] == [0, 1, 1]


def test_threads_that_hand_in_the_same_events_keep_each_once(intake: Intake, kept: Kept) -> None:
    def work() -> None:
        for number in range(500):
            intake.take(order(event_id=str(number)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(value["event_id"] for _, value in kept.records) == sorted(map(str, range(500)))


def test_an_event_whose_number_is_kept_as_a_hash_is_told_by_its_own_id(settings: Settings, kept: Kept) -> None:
    keys = PersonKeys(1, {1: b"k" * 32})
    intake = Intake(settings, kept, owner="api", protect=lambda event: protect(event, keys), clock=lambda: NOW)
    one = order(event_id="order_paid:13812345678", order_id="13812345678")
    assert intake.take(one) == Outcome("accepted", "order_paid:13812345678")
    assert intake.take(one) == Outcome("duplicate", "order_paid:13812345678")
    [(_, value)] = kept.records
    assert "13812345678" not in str(value)
    lead = {"event_id": "lead:13812345678", "type": "lead", "occurred_at": NOW, "customer_id": "c"}
    assert intake.take(lead) == Outcome("accepted", "lead:13812345678")
    assert intake.take(lead) == Outcome("duplicate", "lead:13812345678")
    refused = intake.take({**lead, "event_id": "l2", "customer_id": "wx_13812345678"})
    assert (refused.status, refused.field) == ("rejected", "customer_id")
    assert "13812345678" not in str(kept.records)
    assert len(kept.records) == 2
