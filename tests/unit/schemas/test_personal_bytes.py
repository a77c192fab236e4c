from typing import Any

import orjson
import pytest

from schemas.person_hashes import PersonKeys
from schemas.personal import phone_hashes, protect
from schemas.personal_bytes import protect_bytes

KEYS = PersonKeys(1, {1: b"k" * 32})
HASH = phone_hashes("13800138000", KEYS)[0].encode()


@pytest.mark.parametrize("value", [None, b"", b"{", b'{"v": 1, "event_id":"e" }', b"\xff\xfe", b"[1]", b"7", b'"x"'])
def test_what_names_nobody_is_the_same_bytes(value: bytes | None) -> None:
    assert protect_bytes(value, KEYS) is value


def test_json_is_read_by_its_names_at_any_level() -> None:
    found = protect_bytes(
        '{"customer_id":"138 0013 8000","properties":{"name":"李娜","n":1},"name":"李"}'.encode(), KEYS
    )
    assert found is not None
    assert b'"customer_id":"' + HASH in found
    assert "李".encode() not in found
    assert b'"n":1' in found


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b'{"phone": "13800138000', b'{"phone": "' + HASH),
        (b"\xff+86 138-0013-8000\xfe", b"\xff" + HASH + b"\xfe"),
        (b'{"properties":{"alias":"13800138000"}}', b'{"properties":{"alias":"' + HASH + b'"}}'),
        (b"[" * 20 + b"13800138000" + b"]" * 20, b"[" * 20 + HASH + b"]" * 20),
    ],
)
def test_in_other_bytes_mobile_numbers_are_replaced_where_they_stand(value: bytes, kept: bytes) -> None:
    assert protect_bytes(value, KEYS) == kept


def test_who_is_named_beside_an_id_that_is_a_number_is_named_no_more() -> None:
    found = protect_bytes('{"properties":{"alias":"13800138000","name":"李娜"}}'.encode(), KEYS)
    assert found is not None
    assert HASH in found
    assert "李娜".encode() not in found


@pytest.mark.parametrize(
    "ids",
    [
        {"event_id": "order_paid:13800138000", "order_id": "13800138000"},
        {"event_id": "lead:13800138000"},
        {"event_id": "order_paid:订 13800138000/1", "order_id": "订 13800138000/1"},
    ],
)
def test_an_event_that_is_sent_again_from_dead_letters_is_the_same_event(ids: dict[str, str]) -> None:
    event: Any = {"v": 1, "type": "lead", "occurred_at": 1, **ids}
    kept = protect_bytes(orjson.dumps(event), KEYS)
    accepted = protect(event, KEYS)
    assert {name: orjson.loads(kept or b"")[name] for name in ids} == {name: accepted[name] for name in ids}  # type: ignore[literal-required] # ids


def test_ids_that_are_no_texts_are_as_they_came() -> None:
    assert protect_bytes(b'{"event_id":7,"order_id":null}', KEYS) == b'{"event_id":7,"order_id":null}'
