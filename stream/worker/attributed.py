"""The topic `attributed`: conversions with their credit, for others, once their windows are written.

At least once, by a producer of its own: an offset is committed only after the broker has what lies before it.
"""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import takewhile
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from schemas.attributed import encode_attributed
from schemas.erasure import ERASED
from schemas.topics import ATTRIBUTED
from stream.base import log, metrics
from stream.base.kafka import client_options, start_client, stop_producer
from stream.base.settings import Settings
from stream.sink.conversions import RawConversion
from stream.worker.cache import Cache

Record = tuple[bytes, bytes]
"""Key and value."""
_BATCH_BYTES: Final = 256 * 1024
_COMPRESSION: Final = "zstd"
"""As the shipper's, see `stream.spool.kafka`."""
_PAUSE_S: Final = 1.0
_KEYS: Final = 50_000
_logger = log.get(__name__)


def records(conversions: Iterable[RawConversion], partition: int) -> list[Record]:
    """Conversions of one partition as records of the topic; that somebody was erased is no credit."""
    return [
        encode_attributed(one.event, one.credit, partition, one.offset, one.time_ms)
        for one in conversions
        if one.event["type"] != ERASED
    ]


class Attributed:
    """Sends to the topic; one per process."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic(ATTRIBUTED)
        self._options = client_options(settings.kafka)
        self._producer: Any = None
        self._users: Counter[Any] = Counter()
        self._starting = asyncio.Lock()
        self._places: Cache[bytes, int] = Cache(_KEYS)
        self._place = DefaultPartitioner()

    async def send(self, some: Sequence[Record]) -> None:
        """Send records; when this returns the broker has all of them. Tries for as long as it takes."""
        waiting = list(some)
        while waiting:
            try:
                async with self._lent() as producer:
                    waiting = await self._send(producer, waiting)
            except (KafkaError, OSError) as error:
                _logger.warning("sending again", topic=ATTRIBUTED, records=len(waiting), error=repr(error))
            if waiting:
                await asyncio.sleep(_PAUSE_S)
        metrics.ATTRIBUTED_SENT.inc(len(some))

    async def close(self) -> None:
        """Leave the broker; nothing may be under way."""
        if self._producer is not None:
            await stop_producer(self._producer)
            self._producer = None

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        """The producer that is in use; one that was given up is left by its last user."""
        producer = await self._started()
        self._users[producer] += 1
        try:
            yield producer
        finally:
            self._users[producer] -= 1
            if not self._users[producer]:
                del self._users[producer]
                if producer is not self._producer:
                    await stop_producer(producer)

    async def _started(self) -> Any:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._options,
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=_BATCH_BYTES,
                    compression_type=_COMPRESSION,
                )
                try:
                    await start_client(producer)
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def _send(self, producer: Any, waiting: Sequence[Record]) -> list[Record]:
        """Returns what the broker did not take."""
        partitions = sorted(await producer.partitions_for(self._topic))
        by_place: dict[int, list[Record]] = {}
        for record in waiting:
            by_place.setdefault(self._placed(record[0], partitions), []).append(record)
        self._places.trim()
        batches = [(place, batch) for place, some in by_place.items() for batch in _batches(producer, some)]
        outcomes = await asyncio.gather(
            *(self._send_batch(producer, place, builder) for place, (builder, _) in batches), return_exceptions=True
        )
        left: list[Record] = []
        for (_, (_, held)), outcome in zip(batches, outcomes, strict=True):
            if isinstance(outcome, KafkaError | OSError):
                _logger.warning("sending again", topic=ATTRIBUTED, records=len(held), error=repr(outcome))
                left += held
            elif isinstance(outcome, BaseException):
                raise outcome
        if left and producer is self._producer:
            # A batch that it gave up took numbers with it that the broker waits for: it refuses whatever follows.
            self._producer = None
        return left

    async def _send_batch(self, producer: Any, place: int, builder: Any) -> None:
        await (await producer.send_batch(builder, self._topic, partition=place))

    def _placed(self, key: bytes, partitions: list[int]) -> int:
        """As every Kafka client places a key by default."""
        place = self._places.get(key)
        if place is None:
            place = self._place(key, partitions, partitions)
            self._places.put(key, place)
        return place


class _Batch(NamedTuple):
    builder: Any
    held: list[Record]


def _batches(producer: Any, some: Iterable[Record]) -> Iterable[_Batch]:
    batch = _Batch(producer.create_batch(), [])
    for record in some:
        key, value = record
        if batch.builder.append(key=key, value=value, timestamp=None) is None:
            yield batch
            batch = _Batch(producer.create_batch(), [])
            batch.builder.append(key=key, value=value, timestamp=None)
        batch.held.append(record)
    yield batch


class _Waiting(NamedTuple):
    batch: int
    next_offset: int
    records: list[Record]


class Outbox:
    """What one lane has for the topic: batches wait until their windows are written."""

    def __init__(self, send: Callable[[Sequence[Record]], Any], *, done: int = 0, committed: int = 0) -> None:
        self._send = send
        self._waiting: deque[_Waiting] = deque()
        self._flushed = -1
        self._sending = asyncio.Lock()
        self.done = done
        """All conversions before this offset are out."""
        self._written = self._settled = committed

    @property
    def held(self) -> int:
        """Records that wait, or are under way."""
        return sum(len(one.records) for one in self._waiting)

    @property
    def unsettled(self) -> bool:
        """Whether windows are written of what is not out yet."""
        return self._written > self._settled

    def settle(self, written: int | None) -> int | None:
        """The offset that may be committed now, if that moved on: what is before it is written, and out.

        Args:
            written: up to where windows are written, if that moved on. More of them is written while some is sent, so
                to wait until all that is written is out would be to wait for ever.
        """
        if written is not None:
            self._written = written
        ready = min(self._written, self.done)
        if ready <= self._settled:
            return None
        self._settled = ready
        return ready

    def add(self, batch: int, next_offset: int, some: list[Record]) -> None:
        """Take in a batch, by its number in the lane's windows."""
        self._waiting.append(_Waiting(batch, next_offset, some))

    def flushed(self, batch: int) -> None:
        """The windows of all batches up to this one are written."""
        self._flushed = batch

    async def send(self) -> None:
        """Send what may go."""
        async with self._sending:
            flushed = self._flushed
            due = list(takewhile(lambda one: one.batch <= flushed, self._waiting))
            if due:
                await self._send([record for one in due for record in one.records])
                for one in due:
                    self._waiting.popleft()
                    self.done = one.next_offset
