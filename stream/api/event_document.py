"""What the OpenAPI document says of events; their fields come from the JSON Schema of the topic."""

import json
from importlib.resources import files
from typing import Any, Final

DESCRIPTION: Final = """\
One event as a JSON object, an array of them, or one a line (NDJSON); gzip is understood. Each gets an outcome of its
own, in order: `accepted` (it is on disk and will be counted), `duplicate` (its `event_id` was accepted before) or
`rejected` with the field that is wrong. A request with wrong events in it is answered 202 all the same.

Sending events again is harmless: an `event_id` counts once, also when the answer never came or was 503. What each type
must have is in the JSON Schema `conversion.v1`. Personal data belongs into `properties` (`phone`, `name`, `email` and
the like), where it is replaced by keyed hashes before it is kept."""

_ORDER: Final = {
    "event_id": "order_paid:2026112200017",
    "type": "order_paid",
    "occurred_at": 1795334400000,
    "customer_id": "wmAAAAcQAA0123456789",
    "order_id": "2026112200017",
    "amount": "399.00",
    "margin": "120.50",
    "properties": {"campaign": "double11", "phone": "13800138000"},
}
_VIEW: Final = {
    "event_id": "page_view:7f3a",
    "type": "page_view",
    "occurred_at": 1795334400000,
    "visitor_id": "5f2c1b7a9d3e4f60a1b2c3d4",
    "properties": {"dwell_ms": 5200},
}
_WRONG: Final = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "events of type order_paid must have it",
    "field": "amount",
    "reason": "missing_field",
}
EXAMPLE_ANSWER: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "content": {
            "application/json": {
                "example": {
                    "accepted": 1,
                    "duplicate": 0,
                    "rejected": 1,
                    "outcomes": [
                        {"event_id": "order_paid:2026112200017", "status": "accepted"},
                        {"event_id": "order_paid:2026112200018", "status": "rejected", "problem": _WRONG},
                    ],
                }
            }
        }
    }
}


def event_schema() -> dict[str, Any]:
    """An event as it may be sent: the record of the topic, whose version may be left out.

    What only some types must have is left out here: half the document would be about it.
    """
    schema = json.loads(files("schemas").joinpath("events/conversion.v1.schema.json").read_text("utf-8"))
    kept = {name: schema[name] for name in ("type", "required", "properties")}
    kept["required"] = [name for name in kept["required"] if name != "v"]
    return {"title": "Event", "description": "What happened after a click. 点击之后发生的事件。", **kept}


def request_body(most: int) -> dict[str, Any]:
    """The request body, as OpenAPI has it; `most` events."""
    event = {"$ref": "#/components/schemas/Event"}
    lines = "\n".join(json.dumps(one, separators=(",", ":")) for one in (_ORDER, _VIEW))
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [event, {"type": "array", "minItems": 1, "maxItems": most, "items": event}]},
                    "examples": {"one": {"value": _ORDER}, "many": {"value": [_ORDER, _VIEW]}},
                },
                "application/x-ndjson": {
                    "schema": {"type": "string", "description": "one event a line"},
                    "examples": {"lines": {"value": lines}},
                },
            },
        }
    }
