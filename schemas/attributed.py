"""A conversion and who is credited with it, as the worker writes it to the topic `attributed` for others.

The JSON Schema is `schemas/events/attributed.v1.schema.json`. At least once: drop repetitions by `event_id`. They are
the same bytes: fields have one order and amounts one spelling, and what a raw row cannot tell from nothing (an empty
field, a margin of 0) is left out from the first. Key: the credited guide, else the credited link, else a hyphen.
"""

from typing import Any, Final

import orjson

from schemas.attribution import Credit, Touch
from schemas.conversions import CONVERSION_VERSION, Conversion
from schemas.money import plain
from schemas.windows import Facts

NOBODY: Final = b"-"
"""Key of what nobody is credited with."""
_TEXTS: Final = ("customer_id", "token", "visitor_id", "guide_id", "link", "order_id")


def encode_attributed(
    event: Conversion, credit: Credit, partition: int, offset: int, time_ms: int
) -> tuple[bytes, bytes]:
    """Key and value of the record.

    Args:
        event: as it is kept.
        credit: with its facts.
        partition: of the conversion in its topic; so `offset`.
        offset: together they name it for ever.
        time_ms: when it happened, after clamping; written as `occurred_at`, the time that every number goes by.
    """
    key = (credit.guide_id or credit.link).encode() or NOBODY
    value: dict[str, Any] = {
        "v": CONVERSION_VERSION,
        "event_id": event["event_id"],
        "type": event["type"],
        "occurred_at": time_ms,
    }
    for name in _TEXTS:
        text = event.get(name)
        if text:
            value[name] = text
    if "amount" in event:
        value["amount"] = plain(event["amount"])
    if "margin" in event and (margin := plain(event["margin"])) != "0":
        value["margin"] = margin
    if "amount" in event:
        value["currency"] = event["currency"]
    if properties := event.get("properties"):
        value["properties"] = properties
    value["credit"] = _credit(credit)
    value["origin"] = {"partition": partition, "offset": offset}
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
        if click.click_id:  # not of an erased customer
            said["click_id"] = click.click_id
        said["clicked_at"] = click.at_ms
    if first:
        said["first"] = _first(first)
    said |= {name: value for name, value in zip(Facts._fields, facts, strict=True) if value}
    return said


def _first(touch: Touch) -> dict[str, Any]:
    at_ms, click_id, link, guide_id, variant = touch
    fields = {"click_id": click_id, "clicked_at": at_ms, "link": link, "guide_id": guide_id, "variant": variant}
    return {name: value for name, value in fields.items() if value}
