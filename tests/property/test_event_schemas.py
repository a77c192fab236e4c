"""The JSON Schemas that others build on and our own checks give every event the same verdict.

What a JSON Schema cannot say is left out of the comparison, and stands in its description: size in bytes, names given
twice, nesting, how far ahead of the broker's clock a time may be. One thing more: JSON Schema calls 1.0 an integer.
"""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import clicks, conversions
from schemas.codec import EXACT, LAST_MS, Contract, Instant, Properties, Text, Word
from schemas.conversion_types import NEEDS, Flag, Number
from schemas.rejects import Reject
from schemas.token import EPOCH_MS
from tests.support.events import encode

EVENTS = Path(__file__).parents[2] / "schemas" / "events"


def schema_of(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((EVENTS / f"{name}.v1.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


CURRENCY = "CNY"
CLICK, CONVERSION = schema_of("click"), schema_of("conversion")
CONTRACTS: dict[str, tuple[Contract, jsonschema.Draft202012Validator, Callable[[bytes, int, int], Any]]] = {
    "click": (clicks.CONTRACT, CLICK, clicks.decode_click),
    "conversion": (conversions.CONTRACT, CONVERSION, partial(conversions.decode_conversion, currency=CURRENCY)),
}

# Surrogates are no characters; a carriage of them is no JSON text.
characters = st.characters(exclude_categories=["Cs"])


def value_of(rule: Text | Word | Instant | Properties) -> st.SearchStrategy[Any]:
    """Values that a rule allows."""
    if isinstance(rule, Word):
        return st.sampled_from(sorted(rule.words))
    if isinstance(rule, Instant):
        return st.integers(EPOCH_MS, LAST_MS)
    if isinstance(rule, Properties):
        plain = st.none() | st.booleans() | st.integers(-EXACT, EXACT) | st.text(characters, max_size=rule.text)
        names = st.text(characters, min_size=1, max_size=rule.name)
        return st.dictionaries(names, plain | st.floats(-1e9, 1e9).filter(lambda number: number % 1 != 0), max_size=4)
    if rule.pattern:
        return st.from_regex(rule.pattern, fullmatch=True)
    return st.text(characters, min_size=rule.minimum, max_size=rule.maximum)


def good(contract: Contract) -> st.SearchStrategy[dict[str, Any]]:
    """Events that a contract allows, with any of the optional fields."""
    required = {name: value_of(rule) for name, rule in contract.required.items()}
    optional = {name: value_of(rule) for name, rule in contract.optional.items()}
    events = st.fixed_dictionaries({"v": st.just(1), **required}, optional=optional)
    return good_conversion(events) if contract is conversions.CONTRACT else events


@st.composite
def good_conversion(draw: st.DrawFn, events: st.SearchStrategy[dict[str, Any]]) -> dict[str, Any]:
    """An event made good by what its type needs."""
    event = draw(events)
    needs = NEEDS[event["type"]]
    for name in (*needs.fields, *needs.one_of[:1]):
        event[name] = draw(st.from_regex(conversions.AMOUNT, fullmatch=True)) if name == "amount" else "某甲"
    if "currency" in event:
        event["currency"] = CURRENCY
    optional = needs.optional if draw(st.booleans()) else {}
    properties = {name: draw(property_of(rule)) for name, rule in {**needs.properties, **optional}.items()}
    if properties:
        event["properties"] = event.get("properties", {}) | properties
    return event


def property_of(rule: Flag | Number | Text) -> st.SearchStrategy[Any]:
    """Values that a rule about a property allows."""
    if isinstance(rule, Flag):
        return st.booleans()
    if isinstance(rule, Number):
        return st.integers(int(rule.minimum), int(rule.maximum))
    return value_of(rule)


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False).filter(lambda number: number % 1 != 0)
    | st.text(characters, max_size=600)
    | st.sampled_from(
        ["", "link", "12.5", "CNY", EPOCH_MS - 1, LAST_MS + 1, "x" * 64, "x" * 65, "导" * 128, "导" * 129]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(characters, max_size=70), inner, max_size=3),
    max_leaves=4,
)


@st.composite
def mutated(draw: st.DrawFn, contract: Contract) -> dict[str, Any]:
    """A good event with up to three fields taken out, replaced by anything, or added."""
    event = draw(good(contract))
    names = st.sampled_from(["v", *contract.required, *contract.optional]) | st.text(characters, max_size=8)
    for name in draw(st.lists(names, min_size=1, max_size=3)):
        if draw(st.booleans()):
            event[name] = draw(anything)
        else:
            event.pop(name, None)
    return event


def refused(decode: Callable[[bytes, int, int], Any], event: dict[str, Any]) -> Reject | None:
    try:
        decode(encode(event), LAST_MS, 0)
    except Reject as reject:
        return reject
    return None


@pytest.mark.parametrize("name", CONTRACTS)
@given(data=st.data())
def test_a_good_event_passes_both(name: str, data: st.DataObject) -> None:
    contract, schema, decode = CONTRACTS[name]
    event = data.draw(good(contract))
    assert refused(decode, event) is None
    schema.validate(event)


@pytest.mark.parametrize("name", CONTRACTS)
@given(data=st.data())
def test_a_damaged_event_gets_one_verdict_from_both(name: str, data: st.DataObject) -> None:
    contract, schema, decode = CONTRACTS[name]
    event = data.draw(mutated(contract))
    reject = refused(decode, event)
    assert schema.is_valid(event) == (reject is None), reject


@pytest.mark.parametrize("name", CONTRACTS)
@given(data=st.data())
def test_a_reject_says_what_the_schema_says(name: str, data: st.DataObject) -> None:
    contract, _, decode = CONTRACTS[name]
    reject = refused(decode, data.draw(mutated(contract)))
    # What was refused by the fast decoder is always explained by the slow one, never left at "not JSON".
    assert reject is None or reject.reason in {"missing_field", "wrong_type", "out_of_range", "past", "unknown_version"}
    assert reject is None or reject.detail


@given(st.binary(max_size=300))
def test_no_bytes_do_anything_but_decode_or_be_rejected(value: bytes) -> None:
    for _, _, decode in CONTRACTS.values():
        with pytest.raises(Reject):
            decode(value, LAST_MS, 0)


@given(data=st.data(), cut=st.integers(0, 2_000), flip=st.integers(1, 255))
def test_a_flipped_byte_is_survived(data: st.DataObject, cut: int, flip: int) -> None:
    for contract, _, decode in CONTRACTS.values():
        value = bytearray(encode(data.draw(good(contract))))
        value[cut % len(value)] ^= flip
        try:
            decode(bytes(value), LAST_MS, 0)
        except Reject as reject:
            assert reject.detail  # noqa: PT017 - either way is right, nothing else may escape
