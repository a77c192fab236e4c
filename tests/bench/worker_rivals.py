"""What the worker is measured against; each runs in a process of its own and prints its rate as JSON."""

import asyncio
import gc
import json
import os
import sys
from time import perf_counter, process_time
from typing import Any

import faust
import msgspec
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP

from schemas.attributed import encode_attributed
from schemas.attribution import Touch
from schemas.click_record import ClickRecord
from schemas.conversions import Conversion, decode_conversion
from schemas.customers import CustomerState, decode_state, encode_state
from schemas.token import verify
from schemas.topics import ATTRIBUTED, CLICKS, CONVERSIONS
from stream.aggregate.partition import Partition, Recovered
from stream.aggregate.tally import Tally
from stream.attribute.credit import Evidence, LookBack, credit
from stream.attribute.customer import apply as apply_event
from stream.base.clock import wall_clock
from stream.base.memory import tune_allocator, tune_collector
from stream.base.settings import Settings, load
from stream.base.token_keys import token_keys
from stream.enrich.clicks import ClickEnricher
from stream.sink.clickhouse import ClickHouse
from stream.sink.conversions import CONVERSION_COLUMNS, RawConversion, conversion_block
from stream.sink.customers import CUSTOMER_COLUMNS, Known, customer_block
from stream.sink.migrate import migrate
from stream.sink.rows import CLICK_COLUMNS, ClickColumns, ClickEncoder
from stream.worker.app import make_app
from stream.worker.lane import Lane
from stream.worker.lease import Lease
from stream.worker.path import decode
from stream.worker.transport import Consumer
from stream.worker.wiring import make_parts
from tests.bench.worker import WARM_UP

BLOCK = 5_000
USUAL = {"MemoryRecords": MemoryRecords} | {
    name: getattr(fetcher, name).__base__ for name in ("PartitionRecords", "FetchResult")
}
"""What ours are derived from."""
_READS = 16
LOOKBACK = LookBack.of(customer_days=90, visitor_days=30, guide_minutes=30)


class Meter:
    """A rate behind the warm-up, which is one of `WARM_UP` parts; says it and ends the process when all came."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._seen = self._first = 0
        self._started = self._cpu = 0.0

    def add(self, count: int) -> None:
        self._seen += count
        if not self._started and self._seen * WARM_UP >= self._events:
            self._first, self._started, self._cpu = self._seen, perf_counter(), process_time()
        elif self._seen >= self._events:
            count = self._seen - self._first
            rate = count / (perf_counter() - self._started)
            print(json.dumps({"rate": rate, "cpu_us": (process_time() - self._cpu) / count * 1e6}), flush=True)
            os._exit(0)


async def raw(settings: Settings, meter: Meter) -> None:
    """The limit: fetch and parse, nothing else, with the client as it comes: ours makes its records in less time."""
    read_as_usual()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=settings.worker.fetch_wait_ms,
    )
    await consumer.start()
    topic = settings.topic(CLICKS)
    consumer.assign([TopicPartition(topic, number) for number in range(settings.kafka.clicks_partitions)])
    while True:
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                orjson.loads(record.value)
            meter.add(len(records))


async def windows(settings: Settings, meter: Meter) -> None:
    """Our transport, lanes and windows; no enrichment, no sink."""
    tune_allocator()

    class WindowLane(Lane):
        async def recover(self) -> int:
            self.windows = Partition(settings.worker.grace_ms, Recovered())
            return 0

        async def take(self, records: list[Any]) -> None:
            tally = Tally()
            for start in range(0, len(records), 500):
                batch = decode(records[start : start + 500], settings.worker.future_ms)
                tally.count(batch.clicks, batch.times, batch.offsets, [True] * len(batch.clicks))
            self.windows.apply(tally, next_offset=records[-1].offset + 1, arrival_ms=records[-1].timestamp)
            meter.add(len(records))

    def make_lane(tp: TP, epoch: int, consumer: Consumer) -> Lane:
        return WindowLane(tp, epoch, consumer, pace_s=0)

    parts = make_parts(settings, await ClickHouse.connect(settings, database=""), Lease(3600), wall_clock, _fail)
    parts.pipeline.use({settings.topic(CLICKS): make_lane})
    app = make_app(settings, parts, _fail, sources=(CLICKS,))
    await app.start()
    await asyncio.sleep(3600)


def read_as_usual() -> None:
    """Read records as aiokafka does."""
    for name, kind in USUAL.items():
        setattr(fetcher, name, kind)


async def plain(settings: Settings, meter: Meter) -> None:
    """The same job as a Faust tutorial would write it: one event at a time, a windowed Table."""
    read_as_usual()
    admin = await ClickHouse.connect(settings, database="")
    await migrate(admin, settings)
    clickhouse = await ClickHouse.connect(settings)
    enricher, encoder = ClickEnricher.open(), ClickEncoder()
    app = faust.App(
        settings.worker.group,
        broker=f"kafka://{settings.kafka.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_partitions=settings.kafka.clicks_partitions,
        datadir=settings.data.dir / "plain",
        autodiscover=False,
    )
    topic = app.topic(settings.topic(CLICKS), value_serializer="json")
    table = app.Table("minutes", default=int, partitions=settings.kafka.clicks_partitions).tumbling(60.0, expires=300.0)
    block = ClickColumns([], [], [], [], [], [])

    @app.agent(topic)
    async def count(stream: Any) -> None:
        try:
            await count_all(stream)
        except Exception as error:  # noqa: BLE001 - Faust would restart the agent and go on
            _fail(error)

    async def count_all(stream: Any) -> None:
        async for event in stream.events():
            click = msgspec.convert(event.value, ClickRecord)
            found = enricher.enrich(click)
            table[f"{click.guide}|{click.link}"] += 1
            block.clicks.append(click)
            block.offsets.append(event.message.offset)
            block.append_times.append(click.ts)
            block.times.append(click.ts)
            block.enrichments.append(found)
            block.retransmitted.append(False)
            if len(block.clicks) >= BLOCK:
                rows = encoder.encode(block, partition=0, received_ms=wall_clock(), closed_before=0)
                await clickhouse.insert("clicks", CLICK_COLUMNS, rows)
                for column in (block.clicks, block.offsets, block.append_times, block.times, block.enrichments):
                    column.clear()
                block.retransmitted.clear()
            meter.add(1)

    settings.data.dir.joinpath("plain").mkdir(parents=True, exist_ok=True)
    await app.start()
    await asyncio.sleep(3600)


async def customers(settings: Settings, meter: Meter) -> None:
    """The same job for conversions as a Faust tutorial would write it: one at a time, Tables, a topic to send to.

    It looks an event id up in a Table, the customer's state in another, credits by the token or that state, counts in a
    windowed Table, tells the topic `attributed`, and writes raw rows and customers in blocks. Its Table holds the same
    customers as the warehouse does: they are put into it before the first event, as its changelog would have.
    """
    read_as_usual()
    admin = await ClickHouse.connect(settings, database="")
    await migrate(admin, settings)
    clickhouse = await ClickHouse.connect(settings)
    partitions = settings.kafka.conversions_partitions
    app = faust.App(
        "plain-customers",
        broker=f"kafka://{settings.kafka.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_partitions=partitions,
        datadir=settings.data.dir / "plain",
        autodiscover=False,
    )
    topic = app.topic(settings.topic(CONVERSIONS), value_serializer="raw")
    attributed = app.topic(settings.topic(ATTRIBUTED), value_serializer="raw", key_serializer="raw")
    states = app.Table("customers", partitions=partitions)
    seen = app.Table("seen", partitions=partitions)
    minutes = app.Table("minutes", default=int, partitions=partitions).tumbling(60.0, expires=300.0)
    book = _Book(settings)
    everybody = await _everybody(clickhouse)

    async def write(partition: int) -> None:
        now_ms = wall_clock()
        await clickhouse.insert("conversions", CONVERSION_COLUMNS, book.raw_block(partition, now_ms))
        await clickhouse.insert(
            "customer_states", CUSTOMER_COLUMNS, book.customer_block(partition, now_ms), fmt="Native"
        )

    @app.agent(topic)
    async def take(stream: Any) -> None:
        try:
            states.data.update(everybody)  # here, for an assignment empties what is kept in memory
            async for one in stream.events():
                message = one.message
                event = decode_conversion(one.value, wall_clock(), 300_000, currency="CNY")
                if not seen.get(event["event_id"]):
                    seen[event["event_id"]] = 1
                    who = event.get("customer_id", "")
                    raw = book.take(event, message.offset, states.get(who) if who else None)
                    if who:
                        states[who] = encode_state(book.states[who][1]).decode()
                    minutes[f"{raw.credit.guide_id}|{raw.credit.link}|{event['type']}"] += 1
                    key, value = encode_attributed(event, raw.credit, message.partition, message.offset, raw.time_ms)
                    await attributed.send(key=key, value=value)
                if len(book.raw) >= BLOCK:
                    await write(message.partition)
                meter.add(1)
        except Exception as error:  # noqa: BLE001 - Faust would restart the agent and go on
            _fail(error)

    settings.data.dir.joinpath("plain").mkdir(parents=True, exist_ok=True)
    await app.start()
    await asyncio.sleep(3600)


async def _everybody(clickhouse: ClickHouse) -> dict[str, str]:
    """The states of all customers in the warehouse, by id."""
    found: dict[str, str] = {}
    for part in range(_READS):
        found |= await clickhouse.query(
            f"SELECT customer_id, state FROM customer_states WHERE cityHash64(customer_id) % {_READS} = {part}"
        )
    return found


class _Book:
    """What plain Faust has taken since it last wrote."""

    def __init__(self, settings: Settings) -> None:
        self.raw: list[RawConversion] = []
        self.states: dict[str, tuple[int, CustomerState]] = {}
        self._keys = token_keys(settings).by_id

    def take(self, event: Conversion, offset: int, known: str | None) -> RawConversion:
        """Credit one and take it into its customer's state."""
        time_ms, who, token = event["occurred_at"], event.get("customer_id", ""), event.get("token")
        read = verify(token, self._keys) if token else None
        click = Touch(read.at_ms, token, str(read.link_number)) if token and read else None
        state = decode_state(known.encode()) if known else CustomerState()
        given = credit(event, time_ms, Evidence(token=click, customer=state), LOOKBACK)
        if who:
            apply_event(state, event, time_ms, click)
            self.states[who] = (offset, state)
        raw = RawConversion(event, offset, time_ms, time_ms, given)
        self.raw.append(raw)
        return raw

    def raw_block(self, partition: int, now_ms: int) -> bytes:
        """The raw rows, which are then forgotten."""
        block = conversion_block(self.raw, partition=partition, received_ms=now_ms)
        self.raw.clear()
        return block

    def customer_block(self, partition: int, now_ms: int) -> bytes:
        """The customers, likewise."""
        known = [Known(who, partition, offset, encode_state(state)) for who, (offset, state) in self.states.items()]
        self.states.clear()
        return customer_block(known, updated_ms=now_ms)


def _fail(error: BaseException) -> None:
    print(repr(error), file=sys.stderr, flush=True)
    os._exit(1)


if __name__ == "__main__":
    tune_collector()
    gc.freeze()
    jobs = {"raw": raw, "windows": windows, "plain": plain, "customers": customers}
    asyncio.run(jobs[sys.argv[1]](load(), Meter(int(sys.argv[2]))))
