"""What Kafka says of a topic: where it begins and ends, what the worker's group committed, which records are there.

Only asks: it joins no group, commits nothing, and reads records only to tell a lost one from a gap of the log's own.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream.base.errors import UnavailableError
from stream.base.kafka import client_options, start_client, stop_consumer
from stream.base.settings import Settings

ANSWER_S: Final = 10.0
"""Longest wait for one answer of the broker."""
_WAIT_MS: Final = 500
_SILENT_POLLS: Final = 20
"""Ten seconds in which a record below the topic's end did not come: the broker does not answer."""


@dataclass(frozen=True, slots=True)
class Position:
    """Offsets of one partition of a topic."""

    partition: int
    first: int
    """The first offset in question: the oldest there is, or the oldest since the time asked for."""
    committed: int | None
    """The first offset that the worker's group has not settled; None before its first commit."""
    end: int
    """The offset that the next record will get."""


class KafkaLog:
    """Positions and records of the settings' topics; `open_log` makes it."""

    def __init__(self, settings: Settings, consumer: Any, admin: Any) -> None:
        self._settings = settings
        self._consumer = consumer
        self._admin = admin

    async def positions(self, topic: str, since_ms: int | None = None) -> list[Position]:
        """Positions of every partition.

        Args:
            topic: without the prefix.
            since_ms: `first` is the first record that arrived then or later; the oldest there is when None.

        Raises:
            UnavailableError: Kafka does not answer, or has no such topic.
        """
        name = self._settings.topic(topic)
        with _translated():
            (described,) = await self._admin.describe_topics([name])
            numbers = sorted(int(partition["partition"]) for partition in described["partitions"])
            if not numbers:
                raise UnavailableError(f"topic {name} is not there; guidestream topics makes it")
            partitions = [TopicPartition(name, number) for number in numbers]
            # In this order: what is committed lies below an end that is asked for later.
            committed = await self._admin.list_consumer_group_offsets(self._settings.worker.group)
            first = await self._consumer.beginning_offsets(partitions)
            end = await self._consumer.end_offsets(partitions)
            if since_ms is not None:
                later = await self._consumer.offsets_for_times(dict.fromkeys(partitions, max(0, since_ms)))
                first = {tp: found.offset if (found := later[tp]) else end[tp] for tp in partitions}
        known = {tp: held.offset for tp, held in committed.items() if held.offset >= 0}
        return [Position(tp.partition, first[tp], known.get(tp), end[tp]) for tp in partitions]

    async def offsets(self, topic: str, partition: int, first: int, last: int) -> list[int]:
        """Offsets from `first` to `last` that hold a record; others are gaps of the log itself.

        Compaction, aborted transactions and the marks that end transactions leave such gaps.
        """
        tp = TopicPartition(self._settings.topic(topic), partition)
        found: list[int] = []
        silent = 0
        with _translated():
            self._consumer.assign([tp])
            self._consumer.seek(tp, first)
            while await self._consumer.position(tp) <= last:
                batch = await self._consumer.getmany(tp, timeout_ms=_WAIT_MS)
                found += [record.offset for record in batch.get(tp, ()) if record.offset <= last]
                silent = 0 if batch.get(tp) else silent + 1
                if silent > _SILENT_POLLS:
                    raise UnavailableError(f"Kafka: no record of {tp.topic}/{partition} came from offset {first} on")
        return found


@asynccontextmanager
async def open_log(settings: Settings) -> AsyncIterator[KafkaLog]:
    """Connect to the settings' broker.

    Raises:
        UnavailableError: it does not answer.
    """
    options = {**client_options(settings.kafka), "request_timeout_ms": int(ANSWER_S * 1000)}
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, isolation_level="read_committed")
    admin = AIOKafkaAdminClient(**options)
    try:
        with _translated():
            await start_client(consumer)
            await start_client(admin)
        yield KafkaLog(settings, consumer, admin)
    finally:
        await admin.close()
        await stop_consumer(consumer)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise UnavailableError(f"Kafka: {str(error) or type(error).__name__}") from error
