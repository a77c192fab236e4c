"""How far a consumer group is behind, asked of Kafka itself, so that it is right when no worker runs."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream.base.errors import UnavailableError
from stream.base.kafka import client_options
from stream.base.settings import Settings


class PartitionLag(NamedTuple):
    """One partition of one topic, whose `name` is the one without the prefix."""

    name: str
    partition: int
    committed: int | None
    """Offset that the group takes up next; None when it never committed one."""
    end: int
    lag: int
    """Events between the two; everything that is there when nothing was committed."""


async def consumer_lag(settings: Settings, names: Sequence[str], *, timeout_s: float) -> list[PartitionLag]:
    """The lag of the worker's group in every partition of these topics; a topic that is not there has none.

    Raises:
        UnavailableError: Kafka does not answer in time, or refuses.
    """
    consumer = AIOKafkaConsumer(
        **client_options(settings.kafka), group_id=settings.worker.group, enable_auto_commit=False
    )
    try:
        async with asyncio.timeout(timeout_s):
            await consumer.start()
            there = await consumer.topics()
            return [
                lag for name in names if settings.topic(name) in there for lag in await _of(consumer, settings, name)
            ]
    except (KafkaError, TimeoutError) as error:
        reason = str(error) or f"no answer within {timeout_s:g} s"
        raise UnavailableError(f"Kafka at {settings.kafka.bootstrap}: {reason}") from error
    finally:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(consumer.stop(), timeout_s)


async def _of(consumer: AIOKafkaConsumer, settings: Settings, name: str) -> list[PartitionLag]:
    topic = settings.topic(name)
    partitions = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
    begins = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    found = []
    for partition in partitions:
        committed = await consumer.committed(partition)
        behind = ends[partition] - max(committed or 0, begins[partition])
        found.append(PartitionLag(name, partition.partition, committed, ends[partition], max(0, behind)))
    return found
