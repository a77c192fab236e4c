"""What happened after a click, as producers write it to the topic `conversions`: one envelope for all types of events.

Key: the customer's id, else the visitor's, else the click token, else the guide's id, else the event's. The JSON Schema
is `schemas/events/conversion.v1.schema.json`; the limits below are the same numbers. What each type must have stands in
`schemas.conversion_types`. Producers and the worker check by the same rules, on the same bytes.
"""

from collections.abc import Mapping
from typing import Any, Final, NotRequired, TypedDict

import orjson

from schemas.codec import Contract, Instant, Properties, Text, Word
from schemas.conversion_types import CONVERSION_TYPES, MAX_ID, ConversionType, check_needs
from schemas.rejects import Reject
from schemas.token import TEXT_LENGTH

__all__ = [
    "CONTRACT",
    "CONVERSION_TYPES",
    "CONVERSION_VERSION",
    "MAX_CONVERSION_BYTES",
    "MAX_EVENT_ID",
    "MAX_ID",
    "Conversion",
    "ConversionType",
    "check_conversion",
    "conversion_key",
    "decode_conversion",
    "encode_conversion",
]

CONVERSION_VERSION: Final = 1
MAX_CONVERSION_BYTES: Final = 64 * 1024
"""A longer record is rejected unread; the limits below allow about 40 KiB."""

MAX_EVENT_ID: Final = 128
MAX_PROPERTIES: Final = 32
MAX_PROPERTY_NAME: Final = 64
MAX_PROPERTY_TEXT: Final = 512
AMOUNT: Final = r"[0-9]{1,12}(\.[0-9]{1,4})?"
"""Money is text, never a binary fraction; it fits Decimal(18, 4) with room for sums."""
SIGNED_AMOUNT: Final = r"-?[0-9]{1,12}(\.[0-9]{1,4})?"
CURRENCY: Final = r"[A-Z]{3}"


class Conversion(TypedDict):
    """Version 1. Optional fields are left out when empty."""

    v: int
    event_id: str
    """The producer's idempotency key: a second event with the same key changes nothing."""
    type: str
    occurred_at: int
    """Milliseconds since 1970 UTC by the producer's clock."""
    customer_id: NotRequired[str]
    token: NotRequired[str]
    """The click token that came along; verified where it is used, not here."""
    visitor_id: NotRequired[str]
    guide_id: NotRequired[str]
    """Who acted, which need not be who is credited."""
    link: NotRequired[str]
    order_id: NotRequired[str]
    amount: NotRequired[str]
    """Decimal number as text, not negative; so `margin`, which may be."""
    margin: NotRequired[str]
    currency: NotRequired[str]
    """ISO 4217; the brand's own, since sums over several would mean nothing. There where there is an amount."""
    properties: NotRequired[dict[str, str | float | bool | None]]
    """What only some types have: `dwell_ms`, `score`, `tag`, `referred_by`, ...; see `NEEDS`."""


_ID = Text(MAX_ID)
CONTRACT: Final = Contract(
    version=CONVERSION_VERSION,
    max_bytes=MAX_CONVERSION_BYTES,
    required={
        "event_id": Text(MAX_EVENT_ID, minimum=1),
        "type": Word(CONVERSION_TYPES),
        "occurred_at": Instant(),
    },
    optional={
        "customer_id": _ID,
        "token": Text(TEXT_LENGTH),
        "visitor_id": _ID,
        "guide_id": _ID,
        "link": _ID,
        "order_id": _ID,
        "amount": Text(20, pattern=AMOUNT),
        "margin": Text(20, pattern=SIGNED_AMOUNT),
        "currency": Text(3, pattern=CURRENCY),
        "properties": Properties(MAX_PROPERTIES, MAX_PROPERTY_NAME, MAX_PROPERTY_TEXT),
    },
)


def decode_conversion(value: bytes | None, append_ms: int, future_ms: int, *, currency: str) -> Conversion:
    """Parse and check one record of the topic `conversions`.

    Args:
        value: the record's value; null has its own reason.
        append_ms: when the broker appended the record, milliseconds since 1970 UTC.
        future_ms: how far `occurred_at` may lie ahead of `append_ms`.
        currency: the brand's (`settings.brand.currency`).

    Returns:
        The conversion with the fields of version 1; others are dropped.

    Raises:
        Reject: the event goes to dead letters with this reason.
    """
    conversion = _read(value, currency)
    ahead = conversion["occurred_at"] - append_ms
    if ahead > future_ms:
        raise Reject("future", f"occurred_at: {ahead} ms ahead of the broker's clock; the limit is {future_ms}")
    return conversion


def check_conversion(event: Mapping[str, Any], *, currency: str) -> Conversion:
    """Check an event before it is written, as the worker will check its bytes; `v` may be left out.

    Raises:
        Reject: its detail starts with the name of the field and a colon, unless the reason is about the whole event
            (too_large, too_deep).
    """
    whole = {"v": CONVERSION_VERSION, **event}
    try:
        value = orjson.dumps(whole)
    except TypeError as error:  # not JSON: a surrogate, a number of more than 64 bits, a value of some other kind
        raise CONTRACT.problem(whole) or Reject("not_json", f"event: {error}") from None
    return _read(value, currency)


def encode_conversion(event: Conversion) -> bytes:
    """The record's value."""
    return orjson.dumps(event)


def conversion_key(event: Conversion) -> bytes:
    """The record's key: events of one customer share a partition, in the order in which they came."""
    return (
        event.get("customer_id")
        or event.get("visitor_id")
        or event.get("token")
        or event.get("guide_id")
        or event["event_id"]
    ).encode()


def _read(value: bytes | None, currency: str) -> Conversion:
    conversion: Conversion = CONTRACT.read(value)
    check_needs(conversion)
    if "currency" not in conversion:
        if "amount" in conversion:
            conversion["currency"] = currency
    elif conversion["currency"] != currency:
        raise Reject("out_of_range", f"currency: {conversion['currency']}, and the brand's is {currency}")
    elif "amount" not in conversion:
        del conversion["currency"]
    return conversion
