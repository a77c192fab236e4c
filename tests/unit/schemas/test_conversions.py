from typing import Any

import pytest

from schemas.conversions import CONTRACT, MAX_CONVERSION_BYTES, Conversion, decode_conversion
from schemas.rejects import Reason, Reject
from tests.support.events import AT_MS, conversion, encode


def decode(value: bytes | None) -> Conversion:
    return decode_conversion(value, AT_MS, 1_000)


def test_a_good_conversion_is_what_was_written() -> None:
    assert decode(encode(conversion())) == conversion()


def test_the_contract_names_the_fields_of_the_type() -> None:
    assert {"v", *CONTRACT.required, *CONTRACT.optional} == set(Conversion.__annotations__)
    assert {"v", *CONTRACT.required} == Conversion.__required_keys__


def test_only_what_must_be_there_must_be_there() -> None:
    smallest = {"v": 1, "event_id": "e", "type": "task_done", "occurred_at": AT_MS}
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
