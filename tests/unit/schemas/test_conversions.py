from decimal import Decimal
from typing import Any, cast

import pytest

from schemas.conversion_types import NEEDS
from schemas.conversions import (
    CONTRACT,
    CONVERSION_TYPES,
    MAX_CONVERSION_BYTES,
    Conversion,
    check_conversion,
    conversion_key,
    decode_conversion,
    encode_conversion,
)
from schemas.rejects import Reason, Reject
from tests.support.events import AT_MS, conversion, encode


def decode(value: bytes | None) -> Conversion:
    return decode_conversion(value, AT_MS, 1_000, currency="CNY")


def test_a_good_conversion_is_what_was_written() -> None:
    assert decode(encode(conversion())) == conversion()


def test_the_contract_names_the_fields_of_the_type() -> None:
    assert {"v", *CONTRACT.required, *CONTRACT.optional} == set(Conversion.__annotations__)
    assert {"v", *CONTRACT.required} == Conversion.__required_keys__


def test_only_what_must_be_there_must_be_there() -> None:
    smallest = {"v": 1, "event_id": "e", "type": "satisfaction", "occurred_at": AT_MS, "properties": {"score": 5}}
    assert decode(encode(smallest)) == smallest


@pytest.mark.parametrize("amount", ["0", "1299", "1299.0000", "999999999999.9999"])
def test_money_is_kept_as_written(amount: str) -> None:
    assert decode(encode(conversion(amount=amount)))["amount"] == amount


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_id": None}, "missing_field"),
        ({"event_id": ""}, "out_of_range"),
        ({"event_id": "e" * 129}, "out_of_range"),
        ({"type": "bought"}, "out_of_range"),
        ({"type": 3}, "wrong_type"),
        ({"occurred_at": "2026-11-18"}, "wrong_type"),
        ({"occurred_at": 1_795_000_000}, "past"),
        ({"occurred_at": AT_MS + 1_001}, "future"),
        ({"amount": 12.5}, "wrong_type"),
        ({"amount": "-1"}, "out_of_range"),
        ({"amount": "1e5"}, "out_of_range"),
        ({"amount": "12.50\n"}, "out_of_range"),
        ({"amount": "１２"}, "out_of_range"),
        ({"amount": "1.23456"}, "out_of_range"),
        ({"amount": "NaN"}, "out_of_range"),
        ({"margin": "--1"}, "out_of_range"),
        ({"currency": "cny"}, "out_of_range"),
        ({"currency": "USD"}, "out_of_range"),
        ({"token": "t" * 31}, "out_of_range"),
        ({"properties": []}, "wrong_type"),
        ({"properties": {"a": {"b": 1}}}, "wrong_type"),
        ({"properties": {"a": [1]}}, "wrong_type"),
        ({"properties": {"": 1}}, "out_of_range"),
        ({"properties": {"n" * 65: 1}}, "out_of_range"),
        ({"properties": {"a": "x" * 513}}, "out_of_range"),
        ({"properties": {"a": 2**53}}, "out_of_range"),
        ({"properties": {"a": -1e300}}, "out_of_range"),
        ({"properties": {str(i): i for i in range(33)}}, "out_of_range"),
        ({"v": 2}, "unknown_version"),
    ],
)
def test_what_breaks_a_rule_is_rejected_with_its_reason(changes: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(Reject) as caught:
        decode(encode(conversion(**changes)))
    assert caught.value.reason == reason, caught.value.detail


def test_a_conversion_of_more_bytes_than_allowed_is_not_read() -> None:
    with pytest.raises(Reject) as caught:
        decode(b" " * (MAX_CONVERSION_BYTES + 1))
    assert caught.value.reason == "too_large"


def test_a_deleted_record_is_no_conversion() -> None:
    with pytest.raises(Reject) as caught:
        decode(None)
    assert caught.value.reason == "null"


def test_properties_keep_their_types() -> None:
    properties = {"count": 3, "share": 0.25, "yes": True, "none": None, "文字": "好"}
    assert decode(encode(conversion(properties=properties)))["properties"] == properties


def event_of(type_: str, **changes: Any) -> dict[str, Any]:
    """An event of a type with nothing but what it needs."""
    people = dict.fromkeys((*NEEDS[type_].fields, *NEEDS[type_].one_of[:1]), "x")
    event = {"v": 1, "event_id": "e", "type": type_, "occurred_at": AT_MS, **people}
    if "amount" in event:
        event |= {"amount": "1.5", "currency": "CNY"}
    properties = {name: value for name, value in PROPERTIES.items() if name in NEEDS[type_].properties}
    if properties:
        event["properties"] = properties
    return {name: value for name, value in (event | changes).items() if value is not None}


PROPERTIES = {"task": "回访", "referred_by": "c2", "tag": "高意向", "score": 4.5, "given": False, "from_guide": "g2"}
PROPERTIES |= {"alias": "c3", "pseudonym": "erased:" + "0f" * 16, "proof": "k1:00"}


def test_every_type_has_its_needs() -> None:
    assert set(NEEDS) == CONVERSION_TYPES


@pytest.mark.parametrize("type_", sorted(CONVERSION_TYPES))
def test_an_event_with_what_its_type_needs_is_good(type_: str) -> None:
    assert decode(encode(event_of(type_))) == event_of(type_)


@pytest.mark.parametrize(
    ("type_", "field"), [(type_, field) for type_, needs in NEEDS.items() for field in needs.fields]
)
@pytest.mark.parametrize("value", [None, ""])
def test_a_field_that_a_type_needs_is_named_when_it_is_missing_or_empty(
    type_: str, field: str, value: str | None
) -> None:
    with pytest.raises(Reject, match=f"{field}: ") as caught:
        decode(encode(event_of(type_, **{field: value})))
    assert caught.value.reason == ("out_of_range" if (field, value) == ("amount", "") else "missing_field")


@pytest.mark.parametrize("type_", ["group_joined", "lead", "page_view", "shared"])
def test_somebody_must_have_done_it(type_: str) -> None:
    for who in ("customer_id", "visitor_id", "token"):
        decode(encode(event_of(type_, customer_id=None) | {who: "x"}))
    with pytest.raises(Reject, match="customer_id: ") as caught:
        decode(encode(event_of(type_, customer_id=None, visitor_id="")))
    assert caught.value.reason == "missing_field"


@pytest.mark.parametrize(
    ("type_", "properties", "reason", "field"),
    [
        ("consent", {}, "missing_field", "given"),
        ("consent", {"given": 1}, "wrong_type", "given"),
        ("tagged", {"tag": ""}, "out_of_range", "tag"),
        ("tagged", {"tag": "t" * 129}, "out_of_range", "tag"),
        ("tagged", {"tag": "t", "removed": "yes"}, "wrong_type", "removed"),
        ("referred", {"referred_by": 7}, "wrong_type", "referred_by"),
        ("satisfaction", {"score": True}, "wrong_type", "score"),
        ("satisfaction", {"score": "5"}, "wrong_type", "score"),
        ("satisfaction", {"score": 0}, "out_of_range", "score"),
        ("satisfaction", {"score": 5.5}, "out_of_range", "score"),
        ("page_view", {"dwell_ms": -1}, "out_of_range", "dwell_ms"),
        ("task_done", {"task": None}, "wrong_type", "task"),
        ("cost", {"from": "1.11.2026"}, "out_of_range", "from"),
        ("group_post", {"campaign": 11}, "wrong_type", "campaign"),
        ("group_post", {"touchpoint": "t" * 65}, "out_of_range", "touchpoint"),
        ("transferred", {"from_guide": "x"}, "out_of_range", "from_guide"),
        ("alias", {"alias": "x"}, "out_of_range", "alias"),
    ],
)
def test_what_a_type_asks_of_its_properties_is_checked(
    type_: str, properties: dict[str, Any], reason: Reason, field: str
) -> None:
    with pytest.raises(Reject, match=f"properties.{field}: ") as caught:
        decode(encode(event_of(type_, properties=properties)))
    assert caught.value.reason == reason


def test_the_brands_currency_is_filled_in_where_there_is_an_amount() -> None:
    assert decode(encode(conversion(currency=None))) == conversion()
    assert "currency" not in decode(encode(event_of("lead")))
    assert "currency" not in decode(encode({**event_of("lead"), "currency": "CNY"}))


def test_a_producer_checks_by_the_rules_of_the_worker() -> None:
    event = conversion(v=None, currency=None, later_field=[1])
    checked = check_conversion(event, currency="CNY")
    assert checked == decode(encode_conversion(checked)) == conversion()


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"event_id": None}, "missing_field", "event_id"),
        ({"customer_id": 7}, "wrong_type", "customer_id"),
        ({"customer_id": "\ud800"}, "not_json", "event"),
        ({"amount": Decimal("1.5")}, "wrong_type", "amount"),
        ({"occurred_at": 2**70}, "out_of_range", "occurred_at"),
        ({"properties": {"a": {1, 2}}}, "not_json", "event"),
        ({"properties": {1: 2}}, "wrong_type", "properties"),
        ({"v": 2}, "unknown_version", "v"),
    ],
)
def test_a_producer_is_told_which_field_is_wrong(changes: dict[str, Any], reason: Reason, field: str) -> None:
    with pytest.raises(Reject) as caught:
        check_conversion(conversion(**changes), currency="CNY")
    assert (caught.value.reason, caught.value.detail.partition(":")[0]) == (reason, field)


def test_the_key_is_the_first_name_that_somebody_has() -> None:
    event = conversion(customer_id="客户-1", visitor_id="v", token="t", guide_id="g")
    keys = []
    for name in ("customer_id", "visitor_id", "token", "guide_id", "event_id"):
        keys.append(conversion_key(cast("Conversion", event)).decode())
        event.pop(name)
    assert keys == ["客户-1", "v", "t", "g", "shop-2026-000017"]
