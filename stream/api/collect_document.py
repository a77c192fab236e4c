"""What landing pages may send, and what the OpenAPI document says of it."""

from typing import Annotated, Any, Final, Literal

from msgspec import Meta

from schemas.conversions import MAX_PROPERTIES
from schemas.token import TEXT_LENGTH

PageType = Literal["page_view", "lead", "shared"]
PageId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,40}\Z")]

DESCRIPTION: Final = """\
One event of a page that a short link led to, or an array of some, as `navigator.sendBeacon` sends them; no API key,
pages of any origin. The click token that the page was opened with must come along. An event sent again under the same
`event_id` counts once. A phone number in `properties.phone` is replaced by a keyed hash before it is kept."""

_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "event_id", "token"],
    "properties": {
        "type": {"type": "string", "enum": list(PageType.__args__)},  # type: ignore[attr-defined]
        "token": {
            "type": "string",
            "minLength": TEXT_LENGTH,
            "maxLength": TEXT_LENGTH,
            "description": "the value of `ct` in the page's address",
        },
        "event_id": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,40}$", "description": "made anew for each event"},
        "occurred_at": {
            "type": "integer",
            "description": "milliseconds since 1970 UTC by the page's clock; brought between the click and now",
        },
        "properties": {
            "type": "object",
            "maxProperties": MAX_PROPERTIES,
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "description": "`dwell_ms`, `campaign`, `touchpoint`, of a lead also `phone` and `name`",
        },
    },
}
_EXAMPLE: Final = {
    "type": "page_view",
    "event_id": "5f2c1b7a9d3e4f60a1b2c3d4e5f60718",
    "token": "EQAAAAEmt-iKAAAAAQ0h5cBSZ0bDOw",
    "occurred_at": 1795334400000,
    "properties": {"dwell_ms": 5200},
}
REQUEST_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"oneOf": [_SCHEMA, {"type": "array", "minItems": 1, "maxItems": 20, "items": _SCHEMA}]},
                "example": _EXAMPLE,
            },
            "text/plain": {"schema": {"type": "string", "description": "the same as text, which needs no preflight"}},
        },
    }
}
