"""Conversions as the worker leaves them: raw rows with their credit, window rows, rows of customers and aliases."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from schemas.attribution import Touch
from schemas.conversions import Conversion
from schemas.customers import CustomerState, encode_state
from schemas.windows import COUNTED
from stream.attribute.customer import apply
from stream.sink.clickhouse import ClickHouse
from stream.sink.customers import ALIAS_COLUMNS, CUSTOMER_COLUMNS, Alias, Known, alias_block, customer_block
from tests.support.click_rows import NOON, insert_rows

CONTACT_MS = 48 * 3_600_000


@dataclass(frozen=True)
class Event:
    """One raw conversion with its credit; what a test does not care about has a value that stands for nothing."""

    kafka_offset: int
    type: str
    occurred_at: datetime = NOON
    customer_id: str = "c1"
    kafka_partition: int = 0
    visitor_id: str = ""
    token: str = ""
    acting_guide_id: str = "g1"
    credited_guide_id: str = "g1"
    credited_link: str = "aB3dE6g"
    credited_variant: str = ""
    store_id: str = "s1"
    region_id: str = "r1"
    campaign_id: str = "c1"
    touchpoint: str = "wecom_chat"
    attribution: str = "customer"
    confidence: float = 0.9
    click_id: str = ""
    click_time: datetime | None = None
    """Of the credited click; a touch of the customer's if the event came with its token."""
    first_guide_id: str = ""
    first_link: str = ""
    order_id: str = ""
    amount: str = "0"
    margin: str = "0"
    properties: dict[str, Any] = field(default_factory=dict)
    received_at: datetime = NOON

    @property
    def time_ms(self) -> int:
        return _ms(self.occurred_at)

    @property
    def minute(self) -> datetime:
        return self.occurred_at.replace(second=0, microsecond=0)


async def tell(clickhouse: ClickHouse, events: Sequence[Event]) -> None:
    """Write everything that these events make; each partition's are in the order of their offsets."""
    await insert_conversions(clickhouse, events)
    await insert_rows(clickhouse, "conversion_windows", windows_of(events))
    await insert_customers(clickhouse, events)


async def insert_conversions(clickhouse: ClickHouse, events: Iterable[Event]) -> None:
    """Insert raw rows as one block."""
    await insert_rows(clickhouse, "conversions", map(_raw, events))


async def insert_customers(clickhouse: ClickHouse, events: Iterable[Event]) -> None:
    """Fold the events into rows of customers, one per partition, and write them and what is said of aliases."""
    states: dict[tuple[str, int], CustomerState] = defaultdict(CustomerState)
    versions: dict[tuple[str, int], int] = {}
    aliases = []
    for event in events:
        if not event.customer_id:
            continue
        key = event.customer_id, event.kafka_partition
        apply(states[key], envelope(event), event.time_ms, _touch(event))
        versions[key] = event.kafka_offset
        if event.type == "alias":
            alias = event.properties["alias"]
            aliases.append(Alias(alias, event.customer_id, event.time_ms, f"{event.kafka_offset}"))
    await insert_states(clickhouse, (Known(*key, versions[key], encode_state(state)) for key, state in states.items()))
    await insert_aliases(clickhouse, aliases)


async def insert_states(clickhouse: ClickHouse, known: Iterable[Known]) -> None:
    """Insert rows of customers as one block."""
    some = list(known)
    if some:
        block = customer_block(some, updated_ms=0)
        await clickhouse.insert("customer_states", CUSTOMER_COLUMNS, block, fmt="Native")


async def insert_aliases(clickhouse: ClickHouse, aliases: Sequence[Alias]) -> None:
    """Insert what is said of aliases."""
    if aliases:
        await clickhouse.insert("customer_aliases", ALIAS_COLUMNS, alias_block(aliases))


def windows_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The window rows that these raw rows should have."""
    by_key: dict[tuple[Any, ...], list[Event]] = defaultdict(list)
    for event in sorted(events, key=lambda event: event.kafka_offset):
        key = event.credited_guide_id, event.credited_link, event.credited_variant, event.kafka_partition
        belongs = event.store_id, event.region_id, event.campaign_id, event.touchpoint
        by_key[event.minute, *key, *belongs].append(event)
    found = []
    for (minute, guide, link, variant, partition, store, region, campaign, touchpoint), held in by_key.items():
        money: dict[str, Decimal] = defaultdict(Decimal)
        for event in held:
            money[event.type] += Decimal(event.amount)
            money[f"{event.type} margin"] += Decimal(event.margin)
        counts = {name: sum(event.type == name for event in held) for name in COUNTED}
        found.append(
            {
                "window_start": int(minute.timestamp()),
                "guide_id": guide,
                "link": link,
                "variant": variant,
                "kafka_partition": partition,
                "version": held[-1].kafka_offset,
                **counts,
                "order_amount": str(money["order_paid"]),
                "refund_amount": str(money["order_refunded"]),
                "margin": str(money["order_paid margin"] - money["order_refunded margin"]),
                "store_id": store,
                "region_id": region,
                "campaign_id": campaign,
                "touchpoint": touchpoint,
            }
        )
    return found


def _raw(event: Event) -> dict[str, Any]:
    columns = {name: _value(getattr(event, name)) for name in Event.__dataclass_fields__}
    return columns | {
        "event_id": f"{event.kafka_partition}:{event.kafka_offset}",
        "append_time": _value(event.occurred_at + timedelta(milliseconds=20)),
        "currency": "CNY",
    }


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return orjson.dumps(value).decode() if isinstance(value, dict) else value


def envelope(event: Event) -> Conversion:
    """The event as decoding gives it, as far as customers are made of it."""
    return {
        "v": 1,
        "event_id": f"{event.kafka_partition}:{event.kafka_offset}",
        "type": event.type,
        "occurred_at": event.time_ms,
        "customer_id": event.customer_id,
        "guide_id": event.acting_guide_id,
        "order_id": event.order_id,
        "amount": event.amount,
        "margin": event.margin,
        "properties": event.properties,
    }


def _touch(event: Event) -> Touch | None:
    if event.click_time is None or event.attribution != "token":
        return None
    click = event.click_id, event.credited_link, event.credited_guide_id, event.credited_variant
    return Touch(_ms(event.click_time), *click)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
