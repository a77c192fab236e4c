"""How far a consumer group is behind, asked of Kafka itself, so that it is right when no worker runs."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream.base.errors import UnavailableError
from stream.base.kafka import client_options, start_client, stop_consumer
from stream.base.settings import Settings

_ONE_RECORD_S: Final = 1.0


class PartitionLag(NamedTuple):
    """One partition of one topic, whose `name` is the one without the prefix."""

    name: str
    partition: int
    committed: int | None
    """Offset that the group takes up next; None when it never committed one."""
    end: int
    lag: int
    """Events between the two; everything that is there when nothing was committed."""
    oldest_ms: int | None
    """When the first of them arrived, milliseconds since 1970; None when none waits (or it is gone by now)."""


async def consumer_lag(settings: Settings, names: Sequence[str], *, timeout_s: float) -> list[PartitionLag]:
    """The lag of the worker's group in every partition of these topics; a topic that is not there has none.

    Raises:
        UnavailableError: Kafka does not answer in time, or refuses.
    """
    options = client_options(settings.kafka)
    admin = AIOKafkaAdminClient(**options)
    consumer = AIOKafkaConsumer(**options, group_id=settings.worker.group, enable_auto_commit=False)
    try:
        async with asyncio.timeout(timeout_s):
            await start_client(admin)
            await start_client(consumer)
            found: list[PartitionLag] = []
            for name in names:
                found += await _of(consumer, name, await _partitions(admin, settings.topic(name)))
            return found
    except (KafkaError, TimeoutError) as error:
        reason = str(error) or f"no answer within {timeout_s:g} s"
        raise UnavailableError(f"Kafka at {settings.kafka.bootstrap}: {reason}") from error
    finally:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await stop_consumer(consumer)
                await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, topic: str) -> list[TopicPartition]:
    (described,) = await admin.describe_topics([topic])
    return [TopicPartition(topic, number) for number in sorted(item["partition"] for item in described["partitions"])]


async def _of(consumer: AIOKafkaConsumer, name: str, partitions: list[TopicPartition]) -> list[PartitionLag]:
    if not partitions:
        return []
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    consumer.assign(partitions)
    found = []
    for partition in partitions:
        committed, end = await consumer.committed(partition), ends[partition]
        next_offset = max(committed or 0, begins[partition])
        oldest_ms = await _arrived_ms(consumer, partition, next_offset) if next_offset < end else None
        found.append(PartitionLag(name, partition.partition, committed, end, max(0, end - next_offset), oldest_ms))
    return found


async def _arrived_ms(consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> int | None:
    consumer.seek(partition, offset)
    records = await consumer.getmany(partition, timeout_ms=int(_ONE_RECORD_S * 1000), max_records=1)
    return next((int(record.timestamp) for record in records.get(partition, ())), None)
