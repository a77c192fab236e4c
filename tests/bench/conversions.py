"""Conversions a second of one worker with a million customers in ClickHouse, beside plain Faust with a Table of them;
and how long it takes to restate ten thousand late windows.

Half of the events are of some ten thousand customers who are busy today, the others of anybody, whom no cache holds.
There are enough of them for the caches to be full and the first merges to run: the first 250,000 are faster by half.
"""

import asyncio
import itertools
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import orjson
import psutil
from aiokafka import AIOKafkaProducer

from schemas.attribution import Touch
from schemas.conversions import decode_conversion
from schemas.customers import CustomerState, encode_state
from schemas.registry import Guide, Link, Owner, Record, Store, encode_record
from schemas.token import Signer
from schemas.topics import CONVERSIONS, REGISTRY
from stream.attribute.customer import apply
from stream.base.clock import wall_clock
from stream.base.kafka import client_options
from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics
from stream.sink.clickhouse import ClickHouse
from stream.sink.customers import CUSTOMER_COLUMNS, Known, customer_block
from stream.sink.migrate import migrate
from tests.bench.worker import WARM_UP, Result, machine, rate_of, rival, show
from tests.support.ledger import all_committed
from tests.support.workers import running

EVENTS = int(os.environ.get("BENCH_EVENTS", "800000"))
PLAIN_EVENTS = EVENTS // 40
CUSTOMERS = int(os.environ.get("BENCH_CUSTOMERS", "1000000"))
BUSY = 20_000
CLICKS = 500_000
PARTITIONS = 4
WINDOWS = 10_000
GUIDES, LINKS = 120, 600
KEY = b"\xab" * 32
TEMPLATES = 500
_MIX = (
    *["message_in"] * 24,
    *["message_out"] * 24,
    *["page_view"] * 22,
    *["order_paid"] * 8,
    *["friend_added"] * 7,
    *["lead"] * 4,
    *["tagged"] * 4,
    *["store_visit"] * 3,
    *["friend_deleted"] * 2,
    *["order_refunded", "consent"],
)


def events(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Events of now."""
    rng, signer, now = random.Random(seed), Signer(1, KEY, edge=1), wall_clock()
    for number in range(count):
        kind = rng.choice(_MIX)
        guide = rng.randrange(GUIDES)
        event: dict[str, Any] = {
            "v": 1,
            "event_id": f"{kind}:{rng.getrandbits(64):016x}",
            "type": kind,
            "occurred_at": now - rng.randrange(2_000),
            "customer_id": f"c{rng.randrange(BUSY if rng.random() < 0.5 else CUSTOMERS)}",
            "guide_id": f"g{guide}",
        }
        if kind in ("page_view", "lead", "friend_added") and rng.random() < 0.8:
            event["token"] = signer.sign(1 + rng.randrange(LINKS), now - rng.randrange(3_600_000), number)
        if kind in ("page_view", "lead"):
            event["visitor_id"] = f"{rng.randrange(CLICKS // 4):032x}"
            event["properties"] = {"dwell_ms": rng.randrange(60_000), "page": "/p/首页"}
            if "token" in event and rng.random() < 0.7:
                del event["customer_id"]
        elif kind.startswith("order"):
            event |= {"order_id": f"o{number}", "amount": f"{rng.randrange(1, 99_999) / 100:.2f}", "margin": "31.5"}
        elif kind == "tagged":
            event["properties"] = {"tag": rng.choice(["新客", "高意向", "老客"])}
        elif kind == "consent":
            event["properties"] = {"given": True}
        yield event


async def fill(settings: Settings) -> None:
    """Topics with registry and events."""
    await ensure_topics(settings)
    producer = AIOKafkaProducer(**client_options(settings.kafka), linger_ms=20, max_batch_size=1 << 19)
    await producer.start()
    records: list[Record] = [Store(f"s{number}", "店", f"r{number % 3}") for number in range(12)]
    records += [Guide(f"g{number}", "导购", f"s{number % 12}") for number in range(GUIDES)]
    records += [
        Link(f"l{number}", number, "web", "https://x.example", owners=(Owner(f"g{number % GUIDES}", 0),))
        for number in range(1, LINKS + 1)
    ]
    for record in records:
        key, value = encode_record(record)
        await producer.send(settings.topic(REGISTRY), value, key=key)
    for event in events(EVENTS):
        who = event.get("customer_id") or event["visitor_id"]
        await producer.send(
            settings.topic(CONVERSIONS), orjson.dumps(event), key=who.encode(), partition=partition_of(who)
        )
    await producer.flush()
    await producer.stop()


def partition_of(who: str) -> int:
    """Where somebody's events are; the customers below are filled in by the same rule."""
    return int(who[1:], 16 if len(who) == 32 else 10) % PARTITIONS


def templates() -> Iterator[Known]:
    """customers with some months of history."""
    rng, now = random.Random(2), wall_clock()
    for number in range(TEMPLATES):
        state = CustomerState()
        for kind in itertools.chain(["friend_added", "tagged"], rng.choices(_MIX, k=rng.randrange(4, 30))):
            at_ms = now - rng.randrange(60_000, 180 * 86_400_000)
            fields: dict[str, Any] = {"v": 1, "event_id": "e", "type": kind, "occurred_at": at_ms, "customer_id": "c"}
            fields |= {"guide_id": f"g{rng.randrange(GUIDES)}", "order_id": "o", "amount": "99.5", "margin": "20"}
            fields["properties"] = {"tag": "新客", "given": True}
            touch = Touch(at_ms - 60_000, "E" * 30, "l7", "g7") if rng.random() < 0.1 else None
            apply(state, decode_conversion(orjson.dumps(fields), now, 0, currency="CNY"), at_ms, touch)
        yield Known(f"template{number}", number, 0, encode_state(state))


async def prepare(settings: Settings) -> None:
    """A database with all customers and some clicks."""
    admin = await ClickHouse.connect(settings, database="")
    await migrate(admin, settings)
    await admin.close()
    clickhouse = await ClickHouse.connect(settings, timeout_ms=300_000)
    known = list(templates())
    block = customer_block(known, updated_ms=wall_clock())
    await clickhouse.insert("customer_states", CUSTOMER_COLUMNS, block, fmt="Native")
    names = ", ".join(
        {"customer_id": "concat('c', toString(n))", "kafka_partition": f"n % {PARTITIONS}", "version": "0"}.get(
            name, name
        )
        for name in CUSTOMER_COLUMNS
    )
    for start in range(0, CUSTOMERS, 100_000):
        await clickhouse.command(
            f"INSERT INTO customer_states ({', '.join(CUSTOMER_COLUMNS)}) SELECT {names} "
            f"FROM (SELECT number AS n FROM numbers({start}, {min(100_000, CUSTOMERS - start)})) AS numbers "
            "JOIN (SELECT * FROM customer_states WHERE startsWith(customer_id, 'template')) AS template "
            f"ON numbers.n % {TEMPLATES} = template.kafka_partition"
        )
    await clickhouse.command(
        f"""
        INSERT INTO clicks (click_id, event_time, append_time, received_at, kafka_partition, kafka_offset,
            link, guide_id, visitor_id, outcome, is_human, destination_kind)
        SELECT leftPad(toString(number), 30, 'x'), now64(3) - toIntervalSecond(number * 5), now64(3), now64(3),
            1000 + number % 4, intDiv(number, 4), -- of no partition that is consumed here
            concat('l', toString(number % {LINKS})), concat('g', toString(number % {GUIDES})),
            leftPad(lower(hex(intDiv(cityHash64(number) % {CLICKS}, 4))), 32, '0'), 'redirected', 1, 'wecom_acquisition'
        FROM numbers({CLICKS})
        """
    )
    # As they lie in a warehouse that has had them for long: merging what was filled in just now is not the worker's.
    for table in ("customer_states", "clicks", "link_visitors"):
        await clickhouse.command(f"OPTIMIZE TABLE {table} FINAL")
    await clickhouse.close()


async def whole(environ: dict[str, str], settings: Settings) -> Result:
    """`guidestream worker`, by when its batches were credited, behind a warm-up: at first nothing is under way."""
    with tempfile.TemporaryDirectory() as directory:
        async with running(environ, settings, Path(directory)) as (worker,), asyncio.timeout(600):
            await worker.ready()
            process = psutil.Process(worker.process.pid)
            before = process.cpu_times()
            await all_committed(settings, CONVERSIONS)
            after = process.cpu_times()
            clickhouse = await ClickHouse.connect(settings)
            rows = await clickhouse.query(
                "SELECT toUnixTimestamp64Milli(received_at) AS at, count() FROM conversions GROUP BY at ORDER BY at"
            )
            await clickhouse.close()
    total = sum(count for _, count in rows)
    assert total == EVENTS, total
    cpu_s = after.user + after.system - before.user - before.system
    return Result(rate_of(rows, total // WARM_UP), cpu_s / total * 1e6, len(rows))


class Restated(NamedTuple):
    """Seconds until ten thousand late windows were counted again and committed."""

    from_sent: float
    from_stored: float
    """From the last batch of their events, when it was taken in."""


async def restate(environ: dict[str, str], settings: Settings) -> Restated:
    """Events of ten thousand closed windows, all sent at once."""
    rng, now = random.Random(3), wall_clock()
    producer = AIOKafkaProducer(**client_options(settings.kafka), linger_ms=20)
    with tempfile.TemporaryDirectory() as directory:
        async with running(environ, settings, Path(directory)) as (worker,), asyncio.timeout(600):
            await worker.ready()
            await producer.start()
            sent = []
            for number, event in enumerate(events(WINDOWS, seed=4)):
                event["occurred_at"] = now - 3_600_000 - number * 60_000
                event.pop("token", None)
                who = f"c{rng.randrange(BUSY)}"
                event["customer_id"] = who
                value = orjson.dumps(event)
                sent.append(await producer.send(settings.topic(CONVERSIONS), value, partition=partition_of(who)))
            await asyncio.gather(*sent)
            started = perf_counter()
            await all_committed(settings, CONVERSIONS)
            took_s, ended_ms = perf_counter() - started, wall_clock()
            await producer.stop()
            clickhouse = await ClickHouse.connect(settings)
            ((stored_ms,),) = await clickhouse.query("SELECT toUnixTimestamp64Milli(max(received_at)) FROM conversions")
            ((counted,),) = await clickhouse.query(
                "SELECT count() FROM conversion_windows FINAL "
                f"WHERE window_start < toDateTime({(now - 3_600_000) // 1000 + 60}, 'UTC')"
            )
            await clickhouse.close()
    assert counted >= WINDOWS, counted
    return Restated(took_s, (ended_ms - stored_ms) / 1000)


def main() -> None:
    """Print the rates and their ratio."""
    with machine() as environ:
        environ |= {
            "GUIDESTREAM_KAFKA_CONVERSIONS_PARTITIONS": str(PARTITIONS),
            "GUIDESTREAM_TOKEN_KEYS": f"1:{KEY.hex()}",
            "GUIDESTREAM_WORKER_METRICS_PORT": "0",
        }
        settings = load(environ)
        asyncio.run(fill(settings))
        started = perf_counter()
        asyncio.run(prepare(settings))
        print(f"{CUSTOMERS:,} customers and {CLICKS:,} clicks were there, written in {perf_counter() - started:.0f} s")
        path = asyncio.run(whole(environ, settings))
        took = asyncio.run(restate(environ, settings))
        print(
            f"{WINDOWS:,} late windows: {took.from_stored:.2f} s from taken in to counted again and committed "
            f"(wanted 5 s), {took.from_sent:.2f} s from sent",
            flush=True,
        )
        plain = rival("customers", settings, PLAIN_EVENTS)
    show("conversions, whole path", path, f"wanted 10,000/s; {path.rate / plain.rate:.1f} x plain (wanted 10)")
    show("plain Faust, a Table of customers", plain, "")


if __name__ == "__main__":
    main()
