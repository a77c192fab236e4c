"""Raw conversions as RowBinary blocks. Conversions are few: nothing is cached."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from struct import Struct
from typing import Any, Final

import orjson

from schemas.conversions import Conversion
from stream.sink.binary import blob, texts

CONVERSION_COLUMNS: Final = (
    *("occurred_at", "append_time", "received_at", "kafka_partition", "kafka_offset", "amount", "margin"),
    *("event_id", "type", "customer_id", "visitor_id", "acting_guide_id", "order_id", "currency", "properties"),
)
_FIXED = Struct("<qqqHQqq")
_DECIMALS: Final = 10_000
"""Decimal(18, 4) is an integer of ten-thousandths."""


@dataclass(frozen=True, slots=True)
class RawConversion:
    """An accepted conversion and where it came from."""

    event: Conversion
    offset: int
    append_ms: int
    time_ms: int
    """When it happened, after clamping; milliseconds since 1970 UTC."""


def conversion_block(conversions: Iterable[RawConversion], *, partition: int, received_ms: int) -> bytes:
    """A block of `CONVERSION_COLUMNS`."""
    return b"".join(_row(one, partition, received_ms) for one in conversions)


def _row(raw: RawConversion, partition: int, received_ms: int) -> bytes:
    event: dict[str, Any] = dict(raw.event)
    get = event.get
    amounts = (int(Decimal(text or "0") * _DECIMALS) for text in (get("amount"), get("margin")))
    words = (get("customer_id"), get("visitor_id"), get("guide_id"), get("order_id"), get("currency"))
    return (
        _FIXED.pack(raw.time_ms, raw.append_ms, received_ms, partition, raw.offset, *amounts)
        + texts((event["event_id"], event["type"], *(str(word or "") for word in words)))
        + blob(orjson.dumps(event.get("properties", {})))
    )
