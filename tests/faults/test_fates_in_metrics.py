"""What /metrics says became of the events: each offset is in exactly one of accepted, rejected, duplicate."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from schemas.topics import CLICKS, CONVERSIONS
from stream.base.clock import wall_clock
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from tests.support.events import conversion, encode
from tests.support.ledger import Ledger, Sender, all_committed, differences
from tests.support.poison import corpus
from tests.support.scrape import Labels, Scrape, scrape
from tests.support.workers import running

Fates = dict[str, Counter[Labels]]
"""Events by fate, and by (topic, partition)."""


async def test_accepted_rejected_and_duplicate_add_up_to_consumed_for_each_partition(
    environ: dict[str, str], fault_settings: Settings, pipeline: ClickHouse, tmp_path: Path
) -> None:
    rng = random.Random(9)
    bad = corpus(wall_clock() + 60_000)
    async with (
        Sender(fault_settings) as sender,
        running(environ, fault_settings, tmp_path) as (worker,),
        asyncio.timeout(60),
    ):
        process = await worker.ready()
        sent = await sender.send(2_000)
        await sender.poison([one.value for one in bad])
        await sender.repeat(rng.sample(sent, 300))
        await sender.send_clicks([sender.a_click() for _ in range(100)], marked=True)  # the first did not arrive
        await sender.send(500)
        expected = together(fates_of(sender.ledger), await send_conversions(fault_settings))
        await all_committed(fault_settings)
        while (shown := fates_in(seen := await scrape(process)))["consumed"].total() < expected["consumed"].total():
            await asyncio.sleep(0.05)
        assert shown == expected
        assert shown["consumed"] == shown["accepted"] + shown["rejected"] + shown["duplicate"]
        reasons = seen.by("rejected_total", "topic", "reason")
        assert {key: count for key, count in reasons.items() if key[0] == CLICKS} == Counter(
            (CLICKS, one.reason) for one in bad
        )
        assert await differences(fault_settings, pipeline, sender.ledger) == []


def fates_in(seen: Scrape) -> Fates:
    return {
        fate: seen.by(f"{fate}_total", "topic", "partition")
        for fate in ("consumed", "accepted", "rejected", "duplicate")
    }


def fates_of(ledger: Ledger) -> Fates:
    return fates(
        CLICKS,
        (sent.partition for sent in ledger.accepted),
        (partition for partition, _ in ledger.rejected),
        (partition for partition, _ in ledger.duplicates),
    )


def fates(topic: str, accepted: Iterable[int], rejected: Iterable[int], duplicate: Iterable[int]) -> Fates:
    found: Fates = {
        fate: Counter((topic, str(partition)) for partition in partitions)
        for fate, partitions in (("accepted", accepted), ("rejected", rejected), ("duplicate", duplicate))
    }
    return {"consumed": sum(found.values(), Counter()), **found}


def together(one: Fates, other: Fates) -> Fates:
    return {fate: one[fate] + other[fate] for fate in one}


async def send_conversions(settings: Settings) -> Fates:
    """Orders of twenty customers, some of them told twice, and some records that are no orders."""
    now_ms = wall_clock()
    orders = [encode(conversion(event_id=f"shop-{number}", occurred_at=now_ms)) for number in range(60)]
    producer = AIOKafkaProducer(**client_options(settings.kafka), acks="all", enable_idempotence=True)

    async def send(values: list[bytes]) -> list[int]:
        topic = settings.topic(CONVERSIONS)
        futures = [
            await producer.send(topic, value, key=f"客户{number % 20}".encode()) for number, value in enumerate(values)
        ]
        metadata: list[Any] = await asyncio.gather(*futures)
        return [where.partition for where in metadata]

    await producer.start()
    try:
        accepted = await send(orders)
        return fates(CONVERSIONS, accepted, await send([b"[]"] * 7), await send(orders[:10]))
    finally:
        await producer.stop()
