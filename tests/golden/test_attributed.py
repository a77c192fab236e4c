"""What others read from the topic `attributed` does not change under their hands: key and value, byte by byte."""

import json
from pathlib import Path
from typing import Any, cast

import jsonschema
import orjson
import pytest

from schemas.attributed import encode_attributed
from schemas.attribution import RULES, Credit, Touch
from schemas.conversions import Conversion, decode_conversion
from schemas.windows import Facts
from stream.attribute.consent import nameless
from tests.support.events import AT_MS, TOKEN, conversion, encode

SCHEMAS = Path(__file__).parents[2] / "schemas"
CLICK = Touch(AT_MS - 86_400_000, TOKEN, "a8Xk2Pq", "g-017", "B")
FIRST = Touch(AT_MS - 5_184_000_000, TOKEN[:-1] + "1", "campaign-1")
FACTS = Facts("s-03", "east", "双十一", "wecom_chat")


def read(fields: dict[str, Any]) -> Conversion:
    return decode_conversion(encode(fields), AT_MS, 0, currency="CNY")


WRITTEN: dict[str, tuple[str, Conversion, Credit]] = {
    "v1-full": (
        "g-017",
        read(conversion(visitor_id="5fd0b6b2a4c1", link="a8Xk2Pq")),
        Credit("customer", 0.9, "g-017", "a8Xk2Pq", "B", CLICK, FIRST, FACTS),
    ),
    "v1-campaign-link": ("campaign-1", read(conversion()), Credit("token", 1.0, "", "campaign-1", "", FIRST, FIRST)),
    "v1-withdrawn": (
        "g-017",
        read(conversion(token=None)),
        nameless(Credit("customer", 0.9, "g-017", "a8Xk2Pq", "B", CLICK, FIRST, FACTS)),
    ),
    "v1-guide": ("g-018", read(conversion(token=None)), Credit("guide", 0.3, "g-018")),
    "v1-minimal": (
        "-",
        read({"v": 1, "event_id": "e1", "type": "satisfaction", "occurred_at": AT_MS, "properties": {"score": 5}}),
        Credit("none", 0.0),
    ),
}


def schema(name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((SCHEMAS / "events" / f"{name}.v1.schema.json").read_text()))


@pytest.mark.parametrize("name", WRITTEN)
def test_bytes_are_what_they_always_were_and_keep_the_schema(name: str) -> None:
    key, event, credit = WRITTEN[name]
    written = encode_attributed(event, credit, 3, 1_234_567, AT_MS)
    assert written == (key.encode(), (SCHEMAS / "golden" / "attributed" / f"{name}.json").read_bytes())
    validator = jsonschema.Draft202012Validator(schema("attributed"))
    validator.validate(orjson.loads(written[1]))


def test_a_time_that_was_set_back_is_written_as_it_counts() -> None:
    _, value = encode_attributed(read(conversion()), Credit("none", 0.0), 0, 0, AT_MS - 5)
    assert orjson.loads(value)["occurred_at"] == AT_MS - 5


def test_the_schema_has_all_fields_of_a_conversion_and_all_rules() -> None:
    attributed = schema("attributed")["properties"]
    conversions = schema("conversion")["properties"]
    assert {name: attributed[name] for name in conversions} == conversions
    assert attributed.keys() - conversions.keys() == {"credit", "origin"}
    assert attributed["credit"]["properties"]["rule"]["enum"] == list(RULES)


@pytest.mark.parametrize(
    "change", [{"credit": {"rule": "guess", "confidence": 1}}, {"origin": {"partition": 0}}, {"event_id": ""}]
)
def test_the_schema_refuses_what_is_never_written(change: dict[str, Any]) -> None:
    _, event, credit = WRITTEN["v1-full"]
    value = orjson.loads(encode_attributed(event, credit, 0, 0, AT_MS)[1])
    assert not jsonschema.Draft202012Validator(schema("attributed")).is_valid(value | change)
