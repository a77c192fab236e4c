"""One partition of conversions without a broker: the real path over real tables, batch by batch, and taken up anew."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson

from schemas.customers import CustomerState, decode_state
from schemas.money import units
from schemas.person_hashes import PersonKeys
from schemas.topics import CONVERSIONS
from stream.aggregate.conversions import ConversionPartition
from stream.aggregate.partition import Recovered
from stream.attribute.credit import LookBack
from stream.sink import customers as rows
from stream.sink import recount
from stream.sink.clickhouse import ClickHouse
from stream.sink.conversions import RawConversion, read_back
from stream.sink.registry_mirror import Change, write
from stream.worker.attributed import Outbox, Record
from stream.worker.clicks_before import ClicksBefore
from stream.worker.conversion_path import ConversionPath, LaneState
from stream.worker.conversion_recovery import catch_up
from stream.worker.customers import Customers
from stream.worker.directory import Directory
from stream.worker.erased import ErasedPeople
from stream.worker.fates import Fates, RejectLimit
from stream.worker.lease import Lease
from stream.worker.recovery import Position
from stream.worker.refusal import Refusal
from stream.worker.sink import Sink
from stream.worker.tokens import Tokens
from tests.support.events import AT_MS
from tests.support.poison import FUTURE_MS
from tests.support.registry import guide, link, store

LOOKBACK = LookBack.of(customer_days=90, visitor_days=30, guide_minutes=30)
TOKEN_KEYS = {1: b"\xab" * 32}
PERSON_KEYS = PersonKeys(1, {1: b"\xcd" * 32})


class Time:
    """A clock that a test sets."""

    def __init__(self, now_ms: int = AT_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


class NoDeadLetters:
    """Keeps what was handed over."""

    def __init__(self) -> None:
        self.rejected: list[Any] = []
        self.duplicates: list[Any] = []

    async def write(
        self, _topic: str, _partition: int, rejected: Sequence[Any], duplicates: Sequence[Any], _received_ms: int
    ) -> None:
        self.rejected += rejected
        self.duplicates += duplicates


class Told:
    """The topic `attributed`."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    async def send(self, some: Sequence[Record]) -> None:
        self.records += some


class Worker:
    """One process; its lanes share what a process shares."""

    def __init__(
        self, clickhouse: ClickHouse, clock: Time, keys: PersonKeys = PERSON_KEYS, *, kept: int = 1_000
    ) -> None:
        self.clickhouse = clickhouse
        self.clock = clock
        self.kept = kept
        self.sink = Sink(clickhouse, Lease(1e9))
        self.letters = NoDeadLetters()
        self.told = Told()
        directory = Directory(self.sink, clock)
        self.erased = ErasedPeople(keys, self.sink)
        self.path = ConversionPath(
            currency="CNY",
            future_ms=FUTURE_MS,
            lookback=LOOKBACK,
            person_keys=keys,
            tokens=Tokens(TOKEN_KEYS, directory, self.sink),
            clicks=ClicksBefore(self.sink, LOOKBACK),
            directory=directory,
            erased=self.erased,
            sink=self.sink,
            dead_letters=self.letters,  # type: ignore[arg-type] # keeps them
            reject_limit=RejectLimit(1.0, 1_000_000, Refusal(Path("/nowhere"))),
            clock=clock,
        )

    def lane(self, partition: int = 0) -> "Lane":
        """A partition of which nothing is known."""
        return Lane(self, partition)


class Row(NamedTuple):
    """What a row of a customer says."""

    version: int
    state: CustomerState


class Lane:
    """One partition, from its assignment on."""

    def __init__(self, worker: Worker, partition: int) -> None:
        self.worker = worker
        self.customers = Customers(
            partition,
            worker.sink,
            kept=worker.kept,
            erased=worker.erased,
            working=worker.path.working,
            clock=worker.clock,
        )
        self.state = LaneState(
            partition,
            ConversionPartition(30_000, Recovered()),
            self.customers,
            Outbox(worker.told.send),
            Fates(CONVERSIONS, partition),
        )

    async def take(self, first: int, *events: dict[str, Any]) -> list[RawConversion]:
        """Take a batch whose offsets begin with `first`; returns its raw rows as they were written."""
        batch = [record(first + place, event) for place, event in enumerate(events)]
        await self.worker.path.take(batch, self.state)
        return await self.raw(first, first + len(events) - 1)

    async def raw(self, first: int, last: int) -> list[RawConversion]:
        """Raw rows with these offsets."""
        return await read_back(self.worker.clickhouse, self.state.partition, first, last)

    async def recover(self, committed: int = 0) -> None:
        """Take the partition up behind its raw rows."""
        worker = self.worker
        await worker.erased.load()
        reach = await recount.reach(worker.clickhouse, CONVERSIONS, self.state.partition)
        position = Position(reach, committed, reach.offset + 1)
        await catch_up(self.state.partition, position, self.customers, worker.sink, worker.told)  # type: ignore[arg-type] # keeps them

    async def known(self, *customer_ids: str) -> dict[str, Row]:
        """Rows of customers of this partition, by id."""
        found = await rows.customers(self.worker.clickhouse, customer_ids)
        mine = [one for one in found if one.partition == self.state.partition]
        return {one.customer_id: Row(one.version, decode_state(one.state)) for one in mine}


def record(offset: int, event: dict[str, Any]) -> Any:
    """A record of the topic, appended at `AT_MS`."""
    value = orjson.dumps({"v": 1, "event_id": f"e{offset}", "occurred_at": AT_MS - 1_000, **event})
    return SimpleNamespace(
        topic=CONVERSIONS, offset=offset, value=value, key=b"k", timestamp=AT_MS, timestamp_type=1, headers=()
    )


def order(number: str, **more: Any) -> dict[str, Any]:
    """An order of 100, by its own event id."""
    fields = {"event_id": f"order_paid:{number}", "type": "order_paid", "order_id": number, "amount": "100"}
    return {**fields, "margin": "40", **more}


def refund(number: str, **more: Any) -> dict[str, Any]:
    """A refund of 30 of an order."""
    fields = {"event_id": f"order_refunded:{number}:1", "type": "order_refunded", "order_id": number, "amount": "30"}
    return {**fields, **more}


def money(amount: str) -> int:
    """As states have it."""
    return units(amount)


async def registry(clickhouse: ClickHouse, links: Iterable[Any] = ()) -> None:
    """A store, a guide and some links in the mirror."""
    records = [store(), guide(), *(links or [link()])]
    await write(clickhouse, [Change(offset, AT_MS, one) for offset, one in enumerate(records)])
