"""A conversion and who is credited with it, as the worker writes it to the topic `attributed` for others.

The JSON Schema is `schemas/events/attributed.v1.schema.json`. At least once: drop repetitions by `event_id`. They are
the same bytes: fields have one order and amounts one spelling, and what a raw row cannot tell from nothing (an empty
field, a margin of 0) is left out from the first. Key: the credited guide, else the credited link, else a hyphen.
"""

from functools import lru_cache
from typing import Any, Final

import orjson

from schemas.attribution import Credit, Rule, Touch
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
    guide_id, link, click, first = credit.guide_id, credit.link, credit.click, credit.first
    said = _who(credit.rule, credit.confidence, guide_id, link, credit.variant)
    if click:
        if click.click_id:  # not of an erased customer
            said += b',"click_id":' + orjson.dumps(click.click_id)
        said += b',"clicked_at":%d' % click.at_ms
    if first:
        said += b',"first":{' + _first(first) + b"}"
    value = b'%b,"credit":{%b%b},"origin":{"partition":%d,"offset":%d}}' % (
        orjson.dumps(_happened(event, time_ms))[:-1],
        said,
        _where(credit.facts),
        partition,
        offset,
    )
    return (guide_id or link).encode() or NOBODY, value


def _happened(event: Conversion, time_ms: int) -> dict[str, Any]:
    """The event's own fields, in their one order and spelling."""
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
    return value


@lru_cache(maxsize=1 << 15)
def _who(rule: Rule, confidence: float, guide_id: str, link: str, variant: str) -> bytes:
    """What many credits begin with, as fields of a JSON object without its brackets."""
    named = {"guide_id": guide_id, "link": link, "variant": variant}
    return orjson.dumps({"rule": rule, "confidence": confidence} | _there(named))[1:-1]


@lru_cache(maxsize=1 << 15)
def _where(facts: Facts) -> bytes:
    """What they end with, each field behind a comma."""
    named = _there(facts._asdict())
    return b"," + orjson.dumps(named)[1:-1] if named else b""


def _there(named: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value}


def _first(touch: Touch) -> bytes:
    at_ms, click_id, link, guide_id, variant = touch
    said = b',"click_id":' + orjson.dumps(click_id) if click_id else b""
    if at_ms:  # not of a customer who withdrew consent
        said += b',"clicked_at":%d' % at_ms
    return (said + _of_link(link, guide_id, variant))[1:]


@lru_cache(maxsize=1 << 15)
def _of_link(link: str, guide_id: str, variant: str) -> bytes:
    """What clicks on one link have in common, each field behind a comma."""
    named = _there({"link": link, "guide_id": guide_id, "variant": variant})
    return b"," + orjson.dumps(named)[1:-1] if named else b""
