"""The worker's lanes: told that somebody is erased, and waited for."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.conversions import Conversion, conversion_key, encode_conversion
from schemas.topics import CLICKS, CONVERSIONS
from stream.base.errors import UnavailableError
from stream.base.kafka import client_options, start_client, stop_producer
from stream.base.settings import Settings
from stream.sink.kafka_log import KafkaLog

_LOOK_S: Final = 0.2
_TOPICS: Final = (CLICKS, CONVERSIONS)
Offsets = Mapping[tuple[str, int], int]
"""The offset behind what is to be read, by topic and partition."""


async def ends(kafka: KafkaLog) -> dict[tuple[str, int], int]:
    """Behind all that is in the topics of events now."""
    return {(topic, position.partition): position.end for topic in _TOPICS for position in await kafka.positions(topic)}


async def passed(kafka: KafkaLog, until: Offsets, wait_s: float) -> None:
    """Wait until all before these offsets is in ClickHouse, as the group's commits tell.

    Raises:
        UnavailableError: it is not, after so long.
    """
    left = {place: offset for place, offset in until.items() if offset}
    try:
        async with asyncio.timeout(wait_s):
            while left := await _left(kafka, left):  # noqa: ASYNC110 - the broker tells nobody of a commit
                await asyncio.sleep(_LOOK_S)
    except TimeoutError as error:
        (topic, partition), offset = next(iter(left.items()))
        raise UnavailableError(
            f"the worker has not read {topic}/{partition} up to offset {offset} within {wait_s:g} s: "
            "see that it runs (guidestream status), then run this again"
        ) from error


@asynccontextmanager
async def teller(settings: Settings) -> AsyncIterator["Teller"]:
    """Connect to the broker.

    Raises:
        UnavailableError: it does not answer.
    """
    producer = AIOKafkaProducer(**client_options(settings.kafka), acks="all", enable_idempotence=True)
    try:
        try:
            await start_client(producer)
        except (KafkaError, OSError) as error:
            raise _unavailable(error) from error
        yield Teller(settings.topic(CONVERSIONS), producer)
    finally:
        await stop_producer(producer)


class Teller:
    """Writes into the topic `conversions`; `teller` makes it."""

    def __init__(self, topic: str, producer: Any) -> None:
        self._topic = topic
        self._producer = producer

    async def partitions(self) -> list[int]:
        """The partitions that there are."""
        try:
            return sorted(await self._producer.partitions_for(self._topic))
        except (KafkaError, OSError) as error:
            raise _unavailable(error) from error

    async def tell(self, partition: int, events: Sequence[Conversion]) -> int:
        """Write events, at least one, into one partition; returns the offset of the last one.

        Raises:
            UnavailableError: Kafka did not take them all.
        """
        try:
            offsets = [await self._put(partition, event) for event in events]
        except (KafkaError, OSError) as error:
            raise _unavailable(error) from error
        return offsets[-1]

    async def _put(self, partition: int, event: Conversion) -> int:
        record = await self._producer.send_and_wait(
            self._topic, encode_conversion(event), key=conversion_key(event), partition=partition
        )
        return int(record.offset)


async def _left(kafka: KafkaLog, until: Offsets) -> dict[tuple[str, int], int]:
    topics = sorted({topic for topic, _ in until})
    committed = {(topic, one.partition): one.committed or 0 for topic in topics for one in await kafka.positions(topic)}
    return {place: offset for place, offset in until.items() if committed.get(place, 0) < offset}


def _unavailable(error: BaseException) -> UnavailableError:
    return UnavailableError(f"Kafka: {str(error) or type(error).__name__}")
