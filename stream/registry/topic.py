"""Reading the topic `registry`: committed records only, from any offset, and how far it reaches."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas.topics import REGISTRY
from stream.base.errors import UnavailableError
from stream.base.kafka import client_options, start_client, stop_consumer
from stream.base.settings import Settings
from stream.registry.snapshot import Mark

_WAIT_MS: Final = 100
"""How long the broker may hold a fetch: an upper bound for how late a commit is noticed."""
_FETCH_BYTES: Final = 4 * 1024 * 1024
_MAX_RECORDS: Final = 2000
_REQUEST_S: Final = 10.0
"""Longest wait for one answer of the broker."""
PATIENCE: Final = 300
"""Fetches without progress, a tenth of a second each, while there must be more to read."""


class TopicLostError(Exception):
    """The topic is not the one that a mark came from, or the mark's record was compacted away."""


class TopicReader:
    """A position in the topic; `open_topic` makes it."""

    def __init__(self, consumer: Any, partition: TopicPartition) -> None:
        self._consumer = consumer
        self._partition = partition

    async def rewind(self) -> None:
        """Go to the beginning."""
        with _translated():
            async with asyncio.timeout(_REQUEST_S):
                await self._consumer.seek_to_beginning(self._partition)

    async def go_behind(self, mark: Mark) -> None:
        """Go to the record behind the one of this mark.

        Raises:
            TopicLostError: that record is not there any more.
            UnavailableError: the broker does not answer.
        """
        record = await self._first_from(mark.offset)
        if record is None or mark_of(record) != mark:
            raise TopicLostError(f"offset {mark.offset} holds another record than it did")

    async def position(self) -> int:
        """The next offset to be read."""
        with _translated():
            async with asyncio.timeout(_REQUEST_S):
                return int(await self._consumer.position(self._partition))

    async def end(self) -> int:
        """The offset behind all that is committed now."""
        with _translated():
            async with asyncio.timeout(_REQUEST_S):
                return int((await self._consumer.end_offsets([self._partition]))[self._partition])

    def highest(self) -> int:
        """The offset behind all records at the last fetch, committed or not."""
        return self._consumer.highwater(self._partition) or 0

    def transaction_open(self) -> bool:
        """Whether, at the last fetch, somebody was in the middle of a transaction."""
        return self.highest() > (self._consumer.last_stable_offset(self._partition) or 0)

    async def read(self, max_records: int = _MAX_RECORDS) -> Sequence[Any]:
        """The next records, or none when none came for a tenth of a second.

        Raises:
            TopicLostError: the position lies outside the topic.
            UnavailableError: the broker refused.
        """
        with _translated():
            batch = await self._consumer.getmany(self._partition, timeout_ms=_WAIT_MS, max_records=max_records)
        records: Sequence[Any] = batch.get(self._partition, ())
        return records

    async def holds(self, offset: int, key: bytes, value: bytes | None) -> bool:
        """Whether this record, sent not long ago, lies committed at this offset; the position stays where it is.

        Raises:
            UnavailableError: the broker does not answer.
        """
        position = await self.position()
        record = await self._first_from(offset)
        self._consumer.seek(self._partition, position)
        return record is not None and (record.offset, record.key, record.value) == (offset, key, value)

    async def _first_from(self, offset: int) -> Any | None:
        """The first committed record at this offset or later, if there is one; the position is behind it then."""
        self._consumer.seek(self._partition, offset)
        end = await self.end()
        position, silent = offset, 0
        while position < end:
            records = await self.read(max_records=1)
            if records:
                return records[0]
            before, position = position, await self.position()
            silent = silent + 1 if position == before else 0
            if silent > PATIENCE:
                raise silence(position)
        return None


def silence(offset: int) -> UnavailableError:
    """What to raise when the record at this offset, which is there, does not come."""
    return UnavailableError(f"Kafka: offset {offset} of the registry does not come")


def mark_of(record: Any) -> Mark:
    """The mark of a record as it was read."""
    return Mark.of(record.offset, record.timestamp, record.key, record.value)


@asynccontextmanager
async def open_topic(settings: Settings) -> AsyncIterator[TopicReader]:
    """A reader at the beginning of the topic.

    Raises:
        UnavailableError: no broker answers, or the topic is not there.
    """
    topic = settings.topic(REGISTRY)
    consumer = AIOKafkaConsumer(
        **client_options(settings.kafka),
        enable_auto_commit=False,
        # An offset outside the topic is for us to notice, not to be moved silently.
        auto_offset_reset="none",
        isolation_level="read_committed",
        fetch_max_wait_ms=_WAIT_MS,
        max_partition_fetch_bytes=_FETCH_BYTES,
        request_timeout_ms=int(_REQUEST_S * 1000),
    )
    try:
        with _translated():
            async with asyncio.timeout(_REQUEST_S):
                await start_client(consumer)
                topics = await consumer.topics()
        if topic not in topics:
            raise UnavailableError(f"topic {topic} is not there; guidestream topics makes it")
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        reader = TopicReader(consumer, partition)
        await reader.rewind()
        yield reader
    finally:
        await stop_consumer(consumer)


@contextmanager
def _translated() -> Iterator[None]:
    """Errors of the Kafka client as ours."""
    try:
        yield
    except OffsetOutOfRangeError as error:
        raise TopicLostError("the offset lies outside the topic") from error
    except (KafkaError, TimeoutError, OSError) as error:
        raise UnavailableError(f"Kafka: {str(error) or type(error).__name__}") from error
