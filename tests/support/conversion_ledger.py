"""A sender of conversions that keeps a ledger of its own, and the comparison of it with everything a worker wrote.

What a worker must have made of them is computed here from the ledger alone: credit and customers by the pure core,
event by event in the order of each partition, windows by counting. So a customer's events must have one key, and no
event may follow from a click in ClickHouse.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import structs

from schemas.attribution import Credit, Touch
from schemas.conversions import Conversion, conversion_key, decode_conversion, encode_conversion
from schemas.customers import CustomerState, encode_state
from schemas.registry import Guide, Link, Owner, Record, Store, encode_record
from schemas.token import Signer, verify
from schemas.topics import ATTRIBUTED, CONVERSIONS, REGISTRY
from schemas.windows import ConversionWindowRow, Facts
from stream.aggregate.conversions import ConversionTally
from stream.attribute import customer
from stream.attribute.consent import is_withheld_tag, nameless, withdrawn, withheld
from stream.attribute.credit import Evidence, LookBack, credit
from stream.attribute.refund import PAID, refunded_order
from stream.base.clock import wall_clock
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.sink import conversion_windows
from stream.sink.clickhouse import ClickHouse
from stream.worker.conversion_path import own_touch
from stream.worker.credited import counting
from tests.support.ledger import ends

GUIDES = 8
LINKS = 12
CUSTOMERS = 60
LOOKBACK = LookBack.of(customer_days=90, visitor_days=30, guide_minutes=30)
KEY = b"\xab" * 32
"""The key of `tests.support.pipeline`."""
_TYPES = (
    *("friend_added", "friend_deleted", "friend_dropped", "message_in", "message_out", "message_in", "message_out"),
    *("order_paid", "order_paid", "order_refunded", "lead", "page_view", "store_visit", "tagged", "consent"),
    *("referred", "transferred", "satisfaction", "shared", "group_post", "task_done", "cost"),
)
_BY_GUIDE = ("group_post", "task_done", "cost")


@dataclass(frozen=True)
class Sent:
    """A conversion that the broker acknowledged."""

    event: Conversion
    partition: int
    offset: int
    append_ms: int
    sender: int = 0

    @property
    def time_ms(self) -> int:
        return min(self.event["occurred_at"], self.append_ms)


@dataclass(frozen=True)
class Kept:
    """What a worker must have made of one conversion."""

    sent: Sent
    event: Conversion
    credit: Credit
    token_error: str


@dataclass
class ConversionLedger:
    """Everything sent, by what it must become."""

    accepted: list[Sent] = field(default_factory=list)
    rejected: set[tuple[int, int]] = field(default_factory=set)
    """(partition, offset)."""
    duplicates: set[tuple[int, int]] = field(default_factory=set)
    senders: int = 0
    """Which have sent one after the other: the worker had done with one before the next began."""
    wrong_tokens: dict[str, str] = field(default_factory=dict)
    """What is wrong with tokens that give no credit."""

    def clicked(self, token: str) -> tuple[Touch | None, str]:
        """The click that a token of this sender names, or what is wrong with it."""
        if not token or token in self.wrong_tokens:
            return None, self.wrong_tokens.get(token, "")
        found = verify(token, {1: KEY})
        return Touch(found.at_ms, token, code_of(found.link_number), guide_of(found.link_number)), ""


class ConversionSender:
    """Sends conversions straight to Kafka and writes the ledger from its acknowledgements."""

    def __init__(self, settings: Settings, seed: int = 0, ledger: ConversionLedger | None = None) -> None:
        self.settings = settings
        self.ledger = ledger or ConversionLedger()
        self.ledger.senders += 1
        self._rng = random.Random(seed)
        self._signers = {"": Signer(1, KEY, edge=1)} | {
            "forged": Signer(1, b"\xcd" * 32, edge=1),
            "unknown_key": Signer(2, KEY, edge=1),
        }
        self._sender = self.ledger.senders
        self._count = self._sender * 1_000_000
        self._orders: list[Conversion] = []
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **client_options(self.settings.kafka), acks="all", enable_idempotence=True, linger_ms=5
        )
        await self._producer.start()
        await self._registry()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._producer is not None
        await self._producer.stop()

    async def _registry(self) -> None:
        """Stores, guides and links that tokens and credit are looked up in."""
        assert self._producer is not None
        stores = [Store(f"s{number}", f"门店{number}", f"r{number}") for number in range(3)]
        guides = [Guide(f"g{number}", "导购", f"s{number % 3}") for number in range(GUIDES)]
        links = [
            Link(
                code_of(number),
                number,
                "web",
                "https://x.example",
                owners=(Owner(guide_of(number), 0),),
                **named(number),
            )
            for number in range(1, LINKS)
        ]
        records: list[Record] = [*stores, *guides, *links]
        for record in records:
            key, value = encode_record(record)
            await self._producer.send_and_wait(self.settings.topic(REGISTRY), value, key=key)

    def an_event(self) -> Conversion:
        """Something of now that happened to somebody; one in twenty is up to two hours old."""
        rng, now = self._rng, wall_clock()
        self._count += 1
        kind = rng.choice(_TYPES)
        fields: dict[str, Any] = {
            "v": 1,
            "event_id": f"{kind}:{self._count}",
            "type": kind,
            "occurred_at": now - (rng.randrange(7_200_000) if rng.random() < 0.05 else rng.randrange(500)),
            "guide_id": f"g{rng.randrange(GUIDES)}",
            **needed(kind, rng),
        }
        if kind not in _BY_GUIDE:
            fields["customer_id"] = f"客户{rng.randrange(CUSTOMERS)}"
            if rng.random() < 0.3:
                fields["token"] = self._a_token(fields["occurred_at"] - rng.randrange(3_600_000))
            if rng.random() < 0.2:
                fields["visitor_id"] = f"no-click-{rng.randrange(100)}"
        if rng.random() < 0.3:
            fields["properties"] = {**fields.get("properties", {}), "campaign": rng.choice(["双十一", "618"])}
        if kind == "order_paid" and rng.random() < 0.5:
            fields["event_id"] = f"order_paid:{fields['order_id']}"
        elif self._orders and rng.random() < {"order_paid": 0.3, "order_refunded": 0.7}.get(kind, 0):
            paid = rng.choice(self._orders)
            # The customer's key, so that a refund comes behind its order, and all parts of an order in their order.
            fields |= {"order_id": paid["order_id"], "customer_id": paid["customer_id"]}
        event = decode_conversion(orjson.dumps(fields), now, 0, currency="CNY")
        if kind == "order_paid":
            self._orders.append(event)
        return event

    def an_alias(self) -> Conversion:
        """Two ids of one person, of whom nothing else is known."""
        self._count += 1
        fields = {"customer_id": f"新{self._count}", "properties": {"alias": f"旧{self._count}"}}
        event = {"v": 1, "event_id": f"alias:{self._count}", "type": "alias", "occurred_at": wall_clock(), **fields}
        return decode_conversion(orjson.dumps(event), wall_clock(), 0, currency="CNY")

    def _a_token(self, at_ms: int) -> str:
        """One in five is wrong."""
        wrong = (
            self._rng.choice(["forged", "unknown_key", "malformed", "unknown_link"]) if self._rng.random() < 0.2 else ""
        )
        link = LINKS + 5 if wrong == "unknown_link" else self._rng.randrange(1, LINKS)
        if wrong == "unknown_link":  # a click of just now is waited for
            at_ms -= 120_000
        token = self._signers.get(wrong, self._signers[""]).sign(link, at_ms, self._count)
        if wrong == "malformed":
            token = token[:-1] + "="
        if wrong:
            self.ledger.wrong_tokens[token] = wrong
        return token

    async def send(self, count: int, *, pause_s: float = 0.0, at_once: int = 100) -> list[Sent]:
        """Send that many new events, in bursts; returns what was acknowledged."""
        sent: list[Sent] = []
        for start in range(0, count, at_once):
            sent += await self.send_events([self.an_event() for _ in range(min(at_once, count - start))])
            await asyncio.sleep(pause_s)
        return sent

    async def send_events(self, events: Sequence[Conversion]) -> list[Sent]:
        """Send these events, which must be accepted."""
        metadata = await self._send([(conversion_key(one), encode_conversion(one)) for one in events])
        sent = [
            Sent(one, where.partition, where.offset, where.timestamp, self._sender)
            for one, where in zip(events, metadata, strict=True)
        ]
        self.ledger.accepted += sent
        return sent

    async def repeat(self, sent: Sequence[Sent]) -> None:
        """Send events again: each must become a duplicate."""
        metadata = await self._send([(conversion_key(one.event), encode_conversion(one.event)) for one in sent])
        self.ledger.duplicates |= {(where.partition, where.offset) for where in metadata}

    async def poison(self, values: Sequence[bytes]) -> None:
        """Send values that must be rejected."""
        metadata = await self._send([(b"poison", value) for value in values])
        self.ledger.rejected |= {(where.partition, where.offset) for where in metadata}

    async def _send(self, records: Sequence[tuple[bytes, bytes]]) -> list[Any]:
        assert self._producer is not None
        topic = self.settings.topic(CONVERSIONS)
        futures = [await self._producer.send(topic, value, key=key) for key, value in records]
        return list(await asyncio.gather(*futures))


def code_of(link: int) -> str:
    return f"link{link:03d}"


def guide_of(link: int) -> str:
    """Who owns a link; one has no owner."""
    return f"g{link % GUIDES}" if link % 7 else ""


def named(link: int) -> dict[str, Any]:
    return {"campaign_id": f"c-{link % 2}", "touchpoint": "moments"} if link % 3 else {}


def needed(kind: str, rng: random.Random) -> dict[str, Any]:
    """What events of a type must have."""
    amount = f"{rng.randrange(1, 90_000) / 100:.2f}"
    of_type: dict[str, dict[str, Any]] = {
        "order_paid": {
            "order_id": f"o{rng.random()}",
            "amount": amount,
            "margin": "-0.5" if rng.random() < 0.1 else "3.25",
        },
        "order_refunded": {"order_id": f"o{rng.random()}", "amount": amount},
        "tagged": {"properties": {"tag": rng.choice(["新客", "高意向"]), "removed": rng.random() < 0.3}},
        "consent": {"properties": {"given": rng.random() < 0.7}},
        "referred": {"properties": {"referred_by": f"客户{CUSTOMERS + rng.randrange(9)}"}},
        "transferred": {"properties": {"from_guide": f"g{GUIDES + 1}"}},
        "satisfaction": {"properties": {"score": rng.randrange(1, 6), "campaign": "问卷"}},
        "task_done": {"properties": {"task": "回访"}},
        "cost": {"amount": amount, "properties": {"campaign": "活动9", "touchpoint": "ad"}},
    }
    return of_type.get(kind, {})


class Expected:
    """What must be in ClickHouse, computed from the ledger."""

    def __init__(self, ledger: ConversionLedger) -> None:
        self._ledger = ledger
        self.kept: list[Kept] = []
        self._orders: dict[str, Credit] = {}
        self.customers: dict[tuple[str, int], tuple[int, CustomerState]] = {}
        tallies: dict[int, ConversionTally] = defaultdict(ConversionTally)
        for sent in sorted(ledger.accepted, key=lambda one: (one.sender, one.partition, one.offset)):
            one = self._keep(sent)
            self.kept.append(one)
            tallies[sent.partition].count([counting(one.event)], [sent.time_ms], [sent.offset], [one.credit])
        self.windows: dict[tuple[Any, ...], ConversionWindowRow] = {
            (partition, row.frozen().key): row.frozen()._replace(version=0)
            for partition, tally in tallies.items()
            for rows in tally.windows.values()
            for row in rows.values()
        }

    def _keep(self, sent: Sent) -> Kept:
        event, time_ms = sent.event, sent.time_ms
        click, error = self._ledger.clicked(event.get("token", ""))
        who = event.get("customer_id")
        _, state = self.customers.get((who or "", sent.partition), (-1, CustomerState()))
        elsewhere = [
            other for (other_id, at), (_, other) in self.customers.items() if other_id == who and at != sent.partition
        ]
        known = customer.merge([state, *elsewhere])
        paid = self._orders.get(refunded_order(event))
        given = paid or credit(event, time_ms, Evidence(token=click, customer=known if who else None), LOOKBACK)
        if withdrawn(known, time_ms):
            event, given = withheld(event), nameless(given)
        if not paid:
            given = structs.replace(given, facts=facts_of(given, event))
        if event["type"] == PAID:
            self._orders.setdefault(event["order_id"], given)
        if who:
            if not is_withheld_tag(event):
                customer.apply(state, event, time_ms, own_touch(given))
            self.customers[who, sent.partition] = (sent.offset, state)
        return Kept(sent, event, given, error)


def facts_of(given: Credit, event: Conversion) -> Facts:
    """Where the credited guide works, and what the credited link or the event says of campaign and touchpoint."""
    number = int(given.link[4:]) if given.link else 0
    guide = int(given.guide_id[1:]) if given.guide_id else GUIDES
    place = (f"s{guide % 3}", f"r{guide % 3}") if guide < GUIDES else ("", "")
    said = event.get("properties", {})
    of_link = named(number) if number else {}
    return Facts(
        *place,
        of_link.get("campaign_id") or str(said.get("campaign", "")),
        of_link.get("touchpoint") or str(said.get("touchpoint", "")),
    )


async def conversion_differences(settings: Settings, clickhouse: ClickHouse, ledger: ConversionLedger) -> list[str]:
    """Everything in which ClickHouse, the topic `attributed` and the ledger differ; empty when all is right."""
    expected = Expected(ledger)
    return [
        *await _raw_rows(clickhouse, expected),
        *await _customers(clickhouse, expected),
        *await _windows(clickhouse, expected),
        *await _attributed(settings, expected),
        *await _fates(settings, clickhouse, ledger),
    ]


async def _raw_rows(clickhouse: ClickHouse, expected: Expected) -> list[str]:
    rows = await clickhouse.query(
        "SELECT DISTINCT kafka_partition, kafka_offset, event_id, visitor_id, properties, token_error, attribution, "
        "credited_guide_id, credited_link, click_id, (store_id, region_id, campaign_id, touchpoint) FROM conversions"
    )
    found = {row[:2]: row[2:] for row in rows}
    wanted = {
        (one.sent.partition, one.sent.offset): (
            *(one.event["event_id"], one.event.get("visitor_id", "")),
            *(orjson.dumps(one.event.get("properties", {})).decode(), one.token_error),
            *(one.credit.rule, one.credit.guide_id, one.credit.link),
            *(one.credit.click.click_id if one.credit.click else "", tuple(one.credit.facts)),
        )
        for one in expected.kept
    }
    twice = ["two rows of one offset differ"] if len(rows) != len(found) else []
    return twice + _compared("raw row", wanted, found)


async def _customers(clickhouse: ClickHouse, expected: Expected) -> list[str]:
    rows = await clickhouse.query("SELECT customer_id, kafka_partition, version, state FROM customer_states FINAL")
    found = {row[:2]: row[2:] for row in rows}
    wanted = {key: (version, encode_state(state).decode()) for key, (version, state) in expected.customers.items()}
    return _compared("customer", wanted, found)


async def _windows(clickhouse: ClickHouse, expected: Expected) -> list[str]:
    partitions = await clickhouse.query("SELECT DISTINCT kafka_partition FROM conversion_windows")
    found = {
        (partition, row.key): row._replace(version=0)
        for (partition,) in partitions
        for row in await conversion_windows.written_since(clickhouse, partition, 0)
    }
    return _compared("window", expected.windows, found)


async def _attributed(settings: Settings, expected: Expected) -> list[str]:
    """Each event at least once, and always with the same credit."""
    found: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for key, value in await all_told(settings):
        one = orjson.loads(value)
        given = one["credit"]
        origin = (one["origin"]["partition"], one["origin"]["offset"])
        found[one["event_id"]].add(
            (key.decode(), *origin, given["rule"], given.get("guide_id", ""), given.get("link", ""), one["occurred_at"])
        )
    wanted = {
        one.event["event_id"]: {
            (
                *(one.credit.guide_id or one.credit.link or "-", one.sent.partition, one.sent.offset),
                *(one.credit.rule, one.credit.guide_id, one.credit.link, one.sent.time_ms),
            )
        }
        for one in expected.kept
    }
    return _compared("attributed", wanted, found)


async def all_told(settings: Settings) -> list[tuple[bytes, bytes]]:
    """Key and value of all records of `attributed`."""
    limits = await ends(settings, ATTRIBUTED)
    topic = settings.topic(ATTRIBUTED)
    consumer = AIOKafkaConsumer(**client_options(settings.kafka), auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number, end in limits.items() if end]
        consumer.assign(partitions)
        found: list[tuple[bytes, bytes]] = []
        while any([await consumer.position(tp) < limits[tp.partition] for tp in partitions]):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += [(record.key, record.value) for record in records]
        return found
    finally:
        await consumer.stop()


async def _fates(settings: Settings, clickhouse: ClickHouse, ledger: ConversionLedger) -> list[str]:
    found: list[str] = []
    for table, origins in (("dead_letters", ledger.rejected), ("duplicates", ledger.duplicates)):
        rows = await clickhouse.query(
            f"SELECT DISTINCT kafka_partition, kafka_offset FROM {table} WHERE topic = '{CONVERSIONS}'"
        )
        found += _compared(table, dict.fromkeys(origins), dict.fromkeys(rows))
    accepted = {(one.partition, one.offset) for one in ledger.accepted}
    for partition, end in (await ends(settings, CONVERSIONS)).items():
        count = sum(key[0] == partition for key in (*accepted, *ledger.rejected, *ledger.duplicates))
        if count != end:
            found.append(f"partition {partition}: consumed {end}, accepted + rejected + duplicate {count}")
    return found


def _compared(what: str, wanted: Mapping[Any, Any], found: Mapping[Any, Any]) -> list[str]:
    return [
        f"{what} {key}: wanted {wanted.get(key)}, got {found.get(key)}"
        for key in sorted(wanted.keys() | found.keys())
        if key not in wanted or key not in found or wanted[key] != found[key]
    ][:5]
