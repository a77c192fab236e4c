"""A conversion and who is credited with it, as the worker writes it to the topic `attributed` for others.

The JSON Schema is `schemas/events/attributed.v1.schema.json`. At least once: drop repetitions by `event_id`. Key: the
credited guide, else the credited link, else a hyphen.
"""

from typing import Any, Final

import orjson

from schemas.attribution import Credit, Touch
from schemas.conversions import Conversion

NOBODY: Final = b"-"
"""Key of what nobody is credited with."""


def encode_attributed(
    event: Conversion, credit: Credit, partition: int, offset: int, time_ms: int
) -> tuple[bytes, bytes]:
    """Key and value of the record.

    Args:
        event: with all fields it came with.
        credit: with its facts.
        partition: of the conversion in its topic; so `offset`.
        offset: together they name it for ever.
        time_ms: when it happened, after clamping; written as `occurred_at`, the time that every number goes by.
    """
    key = (credit.guide_id or credit.link).encode() or NOBODY
    value = {
        **event,
        "occurred_at": time_ms,
        "credit": _credit(credit),
        "origin": {"partition": partition, "offset": offset},
    }
    return key, orjson.dumps(value)


def _credit(credit: Credit) -> dict[str, Any]:
    fields = {
        "guide_id": credit.guide_id,
        "link": credit.link,
        "variant": credit.variant,
        "click_id": credit.click.click_id if credit.click else "",
        "clicked_at": credit.click.at_ms if credit.click else 0,
        "first": _first(credit.first) if credit.first else None,
        **credit.facts._asdict(),
    }
    return {"rule": credit.rule, "confidence": credit.confidence, **_filled(fields)}


def _first(touch: Touch) -> dict[str, Any]:
    return _filled(
        {
            "click_id": touch.click_id,
            "clicked_at": touch.at_ms,
            "link": touch.link,
            "guide_id": touch.guide_id,
            "variant": touch.variant,
        }
    )


def _filled(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value}
