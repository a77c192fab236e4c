"""A process that owns a spool as the edge does: appends numbers, tells the last one kept, is killed and started again.

`python -m tests.support.spool_writer FIRST`; the settings come from the environment.
"""

import asyncio
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import CLICKS, RETRANSMITTED
from stream.base import log, settings
from stream.base.kafka import client_options
from stream.spool import Shipper, Spool


@dataclass(frozen=True)
class Shipped:
    """A record that Kafka holds."""

    partition: int
    key: bytes
    number: int
    marked: bool


def spool_directory(config: settings.Settings) -> Path:
    """Where the process keeps its spool."""
    return config.data.dir / "spool" / f"writer-{CLICKS}"


def key_of(number: int) -> bytes:
    """Twenty keys, so that every partition gets some."""
    return f"导购{number % 20}".encode()


async def shipped(config: settings.Settings, topic: str = CLICKS) -> list[Shipped]:
    """Everything in the topic, in offset order per partition."""
    name = config.topic(topic)
    admin = AIOKafkaAdminClient(**client_options(config.kafka))
    await admin.start()
    try:
        (described,) = await admin.describe_topics([name])
    finally:
        await admin.close()
    partitions = [TopicPartition(name, item["partition"]) for item in described["partitions"]]
    consumer = AIOKafkaConsumer(**client_options(config.kafka), enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    found: list[Shipped] = []
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(place) < ends[place] for place in partitions]):
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    marked = (RETRANSMITTED, b"1") in record.headers
                    found.append(Shipped(place.partition, record.key, int(record.value), marked))
    finally:
        await consumer.stop()
    return found


def problems(found: list[Shipped], kept: Iterable[int]) -> list[str]:
    """What is wrong with what Kafka holds, given the numbers that were called kept; others may be there or not."""
    seen: set[int] = set()
    out: list[str] = []
    for record in found:
        if record.number in seen and not record.marked:
            out.append(f"{record.number} came again unmarked")
        if record.key != key_of(record.number):
            out.append(f"{record.number} has the key of another")
        seen.add(record.number)
    return out + [f"{number} is missing" for number in kept if number not in seen]


async def _write(first: int) -> None:
    config = settings.load()
    log.configure(process="writer")
    rng = random.Random(first)
    with Spool.of(config, "writer", CLICKS) as spool:
        shipper = Shipper(spool, config, CLICKS)
        running = asyncio.create_task(shipper.run())
        number = first
        while not running.done():
            for _ in range(rng.randint(1, 200)):
                spool.append(key_of(number), b"%d" % number)
                number += 1
            print(number - 1, flush=True)
            await asyncio.sleep(rng.choice([0, 0, 0.001, 0.02]))


if __name__ == "__main__":
    asyncio.run(_write(int(sys.argv[1])))
