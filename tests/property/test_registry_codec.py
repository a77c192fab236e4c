"""Registry records survive the topic; our reader and the JSON Schemas give every value the same verdict."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.registry import Link, Record, Removed, decode_record, encode_record, record_key
from schemas.rejects import Reject
from tests.support.registry_strategies import records

EVENTS = Path(__file__).parents[2] / "schemas" / "events"
SCHEMAS = {
    kind: jsonschema.Draft202012Validator(json.loads((EVENTS / f"registry.{name}.v1.schema.json").read_text()))
    for kind, name in {"meta": "numbers"}.items()
    | {(kind, kind) for kind in ("link", "guide", "store", "campaign", "salt", "key")}
}


@pytest.mark.parametrize("kind", SCHEMAS)
def test_each_schema_is_a_schema(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind].schema)


@given(records())
def test_what_is_encoded_decodes_to_the_same(record: Record) -> None:
    key, value = encode_record(record)
    assert decode_record(key, value) == record
    assert key.decode() == record_key(record)


@given(records())
def test_what_is_encoded_fulfils_its_schema(record: Record) -> None:
    key, value = encode_record(record)
    assert value is not None
    SCHEMAS[key.decode().partition(":")[0]].validate(json.loads(value))


@given(records())
def test_a_null_value_says_that_the_thing_is_gone(record: Record) -> None:
    kind, _, id_ = record_key(record).partition(":")
    assert decode_record(record_key(record).encode(), None) == Removed(kind, id_)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300)
@given(records(), st.data(), json_values)
def test_a_field_of_another_kind_gets_the_same_verdict_from_us_and_from_the_schema(
    record: Record, data: st.DataObject, intruder: Any
) -> None:
    key, value = encode_record(record)
    assert value is not None
    kind = key.decode().partition(":")[0]
    fields = json.loads(value)
    name = data.draw(st.sampled_from(sorted(SCHEMAS[kind].schema["properties"])))  # type: ignore[index]
    if name in {"id", "code", "day"} or (name == "owners" and isinstance(record, Link)):
        return  # the key must name the same thing, and owners must be in order: no schema can say that
    changed = json.dumps(fields | {name: intruder}, allow_nan=False, default=str) if _is_json(intruder) else None
    if changed is None:
        return
    assert accepted(key, changed.encode()) == SCHEMAS[kind].is_valid(json.loads(changed))


@given(st.binary(max_size=200), st.binary(max_size=400) | st.none())
def test_any_bytes_are_a_record_or_a_reject(key: bytes, value: bytes | None) -> None:
    accepted(key, value)


@given(st.sampled_from(sorted(SCHEMAS)), st.binary(max_size=400))
def test_any_bytes_under_a_good_key_are_a_record_or_a_reject(kind: str, value: bytes) -> None:
    accepted(f"{kind}:x".encode(), value)


def accepted(key: bytes, value: bytes | None) -> bool:
    """Whether it is a record; anything but a record or a reject fails the test."""
    try:
        decode_record(key, value)
    except Reject:
        return False
    return True


def _is_json(value: Any) -> bool:
    try:
        text = json.dumps(value, allow_nan=False)
        text.encode()
    except (ValueError, UnicodeEncodeError):
        return False
    # JSON Schema calls 1.0 an integer; our readers do not.
    return ".0" not in text and "e" not in text.lower().replace("true", "").replace("false", "").replace("null", "")
