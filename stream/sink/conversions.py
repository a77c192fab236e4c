"""Raw conversions: rows written as RowBinary blocks, each with its credit, and read back as they were written."""

from collections.abc import Callable, Collection, Iterable
from decimal import Decimal
from struct import Struct
from typing import Any, Final

import msgspec
import orjson

from schemas.attribution import Credit, Touch
from schemas.conversions import CONVERSION_VERSION, Conversion
from schemas.money import units
from schemas.token import MalformedTokenError, unverified
from schemas.windows import Facts
from stream.sink import external
from stream.sink.binary import LENGTHS, Fragments, blob, text, texts
from stream.sink.clickhouse import ClickHouse

CONVERSION_COLUMNS: Final = (
    *("occurred_at", "append_time", "received_at", "kafka_partition", "kafka_offset", "amount", "margin"),
    *("confidence", "is_late", "retransmitted", "clamped", "click_time", "first_click_time"),
    *("event_id", "customer_id", "visitor_id", "order_id", "token", "click_id", "first_click_id", "properties"),
    *("type", "acting_guide_id", "currency", "link", "token_error"),
    *("attribution", "credited_guide_id", "credited_link", "credited_variant"),
    *("store_id", "region_id", "campaign_id", "touchpoint"),
    *("first_guide_id", "first_link", "first_variant"),
)
"""What events share stands at the end, a line for what comes together: it is encoded once."""
_FIXED = Struct("<qqqHQqqf???")
_CLICK_TIME = Struct("<?q")
_NO_CLICK_TIME: Final = b"\x01"
"""NULL: a flag without a value behind it."""
_NO_PROPERTIES: Final = text("{}")


class RawConversion(msgspec.Struct, frozen=True, gc=False):
    """An accepted conversion, where it came from, and whom it is credited to."""

    event: Conversion
    offset: int
    append_ms: int
    time_ms: int
    """When it happened, after clamping; milliseconds since 1970 UTC."""
    credit: Credit
    token_error: str = ""
    late: bool = False
    retransmitted: bool = False


def conversion_block(conversions: Iterable[RawConversion], *, partition: int, received_ms: int) -> bytes:
    """A block of `CONVERSION_COLUMNS`."""
    out: list[bytes] = []
    for raw in conversions:
        event, credit = raw.event, raw.credit
        get: Callable[..., str] = event.get  # type: ignore[assignment] # of texts alone
        click, first = credit.click, credit.first
        amount, margin = get("amount"), get("margin")
        amounts = units(amount) if amount else 0, units(margin) if margin else 0
        flags = raw.late, raw.retransmitted, raw.time_ms != event["occurred_at"]
        properties = event.get("properties")
        out += (
            _FIXED.pack(
                raw.time_ms, raw.append_ms, received_ms, partition, raw.offset, *amounts, credit.confidence, *flags
            ),
            _CLICK_TIME.pack(False, click.at_ms) if click else _NO_CLICK_TIME,  # noqa: FBT003 - the NULL flag
            _CLICK_TIME.pack(False, first.at_ms) if first else _NO_CLICK_TIME,  # noqa: FBT003
            _ids(
                event["event_id"],
                get("customer_id", ""),
                get("visitor_id", ""),
                get("order_id", ""),
                get("token", ""),
                click.click_id if click else "",
                first.click_id if first else "",
            ),
            blob(orjson.dumps(properties)) if properties else _NO_PROPERTIES,
            _acts[event["type"], get("guide_id", ""), get("currency", ""), get("link", ""), raw.token_error],
            _credits[credit.rule, credit.guide_id, credit.link, credit.variant, *credit.facts],
            _places[first.guide_id, first.link, first.variant] if first else _NO_PLACE,
        )
    return b"".join(out)


def _ids(event: str, customer: str, visitor: str, order: str, token: str, click: str, first: str) -> bytes:
    """`texts` of them, in a third of its time where they are short and ASCII: this is done for every row."""
    try:
        written = (
            f"{LENGTHS[len(event)]}{event}{LENGTHS[len(customer)]}{customer}{LENGTHS[len(visitor)]}{visitor}"
            f"{LENGTHS[len(order)]}{order}{LENGTHS[len(token)]}{token}"
            f"{LENGTHS[len(click)]}{click}{LENGTHS[len(first)]}{first}"
        )
    except IndexError:
        return texts((event, customer, visitor, order, token, click, first))
    return written.encode() if written.isascii() else texts((event, customer, visitor, order, token, click, first))


_acts, _credits, _places = Fragments(texts), Fragments(texts), Fragments(texts)
_NO_PLACE: Final = texts(("", "", ""))


async def read_back(clickhouse: ClickHouse, partition: int, first: int, last: int) -> list[RawConversion]:
    """Raw rows with offsets from `first` to `last`, in order; a time that was set back is the event's own now."""
    rows = await clickhouse.query(
        f"""
        SELECT {_READ}
        FROM conversions FINAL
        WHERE kafka_partition = {{partition:UInt16}} AND kafka_offset BETWEEN {{first:UInt64}} AND {{last:UInt64}}
        ORDER BY kafka_offset
        """,
        {"partition": partition, "first": first, "last": last},
    )
    return [_read(row) for row in rows]


async def orders(clickhouse: ClickHouse, order_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Where some orders are, those that are there: (Kafka partition, offset) of the first payment of each."""
    rows = await clickhouse.query(
        "SELECT order_id, min((kafka_partition, kafka_offset)) FROM conversions "
        "WHERE type = 'order_paid' AND order_id IN ids GROUP BY order_id",
        tables={"ids": external.texts(sorted(order_ids))},
    )
    return {order_id: (int(partition), int(offset)) for order_id, (partition, offset) in rows}


async def at_places(clickhouse: ClickHouse, places: Collection[tuple[int, int]]) -> list[RawConversion]:
    """Raw rows by their (Kafka partition, offset), in no order."""
    # Of a row that a zombie wrote twice the one received last counts; FINAL would read far more to say the same.
    rows = await clickhouse.query(
        f"""
        SELECT kafka_partition, {_READ}
        FROM conversions
        WHERE kafka_partition IN (SELECT partition FROM places) AND kafka_offset IN (SELECT place FROM places)
            AND (kafka_partition, kafka_offset) IN places
        ORDER BY received_at
        """,
        tables={
            "places": external.Table("partition UInt16, place UInt64", b"".join(_PLACE.pack(*one) for one in places))
        },
    )
    found: dict[tuple[int, int], RawConversion] = {}
    for partition, *row in rows:
        raw = _read(tuple(row))
        found[partition, raw.offset] = raw
    return list(found.values())


_PLACE: Final = Struct("<HQ")
_READ: Final = """
    event_id, toString(type), toUnixTimestamp64Milli(occurred_at), toUnixTimestamp64Milli(append_time),
    kafka_offset, customer_id, token, visitor_id, toString(acting_guide_id), link, order_id,
    toString(amount), toString(margin), toString(currency), properties,
    toString(attribution), confidence, toString(credited_guide_id), credited_link, toString(credited_variant),
    toUnixTimestamp64Milli(click_time), click_id,
    (toUnixTimestamp64Milli(first_click_time), first_click_id, first_link, toString(first_guide_id),
        toString(first_variant)),
    (toString(store_id), toString(region_id), toString(campaign_id), toString(touchpoint)),
    toString(token_error), is_late, retransmitted
"""


def _read(row: tuple[Any, ...]) -> RawConversion:
    event_id, type_, time_ms, append_ms, offset = row[:5]
    rule, confidence, guide, link, variant, click_ms, click_id, first, facts, token_error, late, again = row[15:]
    credit = Credit(
        rule=rule,
        confidence=round(confidence, 4),
        guide_id=guide,
        link=link,
        variant=variant,
        click=Touch(int(click_ms), click_id, link, guide, variant) if click_ms is not None else None,
        first=Touch(int(first[0]) if first[0] is not None else _made_at(first[1]), *first[1:]) if any(first) else None,
        facts=Facts(*facts),
    )
    return RawConversion(
        event=_event(event_id, type_, int(time_ms), row[5:15]),
        offset=int(offset),
        append_ms=int(append_ms),
        time_ms=int(time_ms),
        credit=credit,
        token_error=token_error,
        late=bool(late),
        retransmitted=bool(again),
    )


def _made_at(click_id: str) -> int:
    """When a click happened whose time was not written, as before migration 0011; 0 where nothing tells."""
    try:
        return unverified(click_id).at_ms
    except MalformedTokenError:
        return 0


def _event(event_id: str, type_: str, time_ms: int, row: tuple[Any, ...]) -> Conversion:
    customer, token, visitor, guide, link, order, amount, margin, currency, properties = row
    optional = {
        "customer_id": customer,
        "token": token,
        "visitor_id": visitor,
        "guide_id": guide,
        "link": link,
        "order_id": order,
        "amount": amount if currency else "",
        "margin": margin if Decimal(margin) else "",
        "currency": currency,
        "properties": orjson.loads(properties) if len(properties) > 2 else None,
    }
    event = {"v": CONVERSION_VERSION, "event_id": event_id, "type": type_, "occurred_at": time_ms}
    event |= {name: value for name, value in optional.items() if value}
    return event  # type: ignore[return-value] # the fields of the contract, those that are there
