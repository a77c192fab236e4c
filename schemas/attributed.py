"""A conversion and who is credited with it, as the worker writes it to the topic `attributed` for others.

The JSON Schema is `schemas/events/attributed.v1.schema.json`. At least once: drop repetitions by `event_id`. Key: the
credited guide, else the credited link, else a hyphen.
"""

from typing import Any, Final

import orjson

from schemas.attribution import Credit, Touch
from schemas.conversions import Conversion
from schemas.windows import Facts

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
    rule, confidence, guide_id, link, variant, click, first, facts = credit
    said: dict[str, Any] = {"rule": rule, "confidence": confidence}
    if guide_id:
        said["guide_id"] = guide_id
    if link:
        said["link"] = link
    if variant:
        said["variant"] = variant
    if click:
        said["click_id"], said["clicked_at"] = click.click_id, click.at_ms
    if first:
        said["first"] = _first(first)
    said |= {name: value for name, value in zip(Facts._fields, facts, strict=True) if value}
    return said


def _first(touch: Touch) -> dict[str, Any]:
    at_ms, click_id, link, guide_id, variant = touch
    fields = {"click_id": click_id, "clicked_at": at_ms, "link": link, "guide_id": guide_id, "variant": variant}
    return {name: value for name, value in fields.items() if value}
