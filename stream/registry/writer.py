"""The one way to change the registry: read all of it, decide, write, as one transaction.

Every writer uses the same transactional id, so that Kafka lets one write at a time: a new one takes the id over, reads
the topic to its end, decides on that state and commits; one whose id was taken over meanwhile has written nothing and
starts again. So two writers never give two links the same code or number, and an import is there whole or not at all.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, Final, Generic, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from schemas.topics import REGISTRY
from stream.base import log
from stream.base.errors import ConflictError, UnavailableError
from stream.base.kafka import client_options, start_client, stop_producer
from stream.base.settings import Settings
from stream.registry.replica import Replica
from stream.registry.snapshot import Snapshot
from stream.registry.topic import TopicLostError, TopicReader, open_topic

T = TypeVar("T")
Encoded = Sequence[tuple[bytes, bytes | None]]
"""Records as `encode_record` makes them."""
Plan = Callable[[Snapshot], tuple[Encoded, T]]
"""Decides on a state what to write, and what to tell the caller; no records when nothing is to change.

It raises InputError when the change cannot be made. It may be called again with a newer state."""
Progress = Callable[[int], None]
"""Told how many records Kafka has taken so far; it starts again from 0 when the change does."""

_ATTEMPTS: Final = 10
_TRANSACTION_MS: Final = 900_000
"""The highest that brokers allow by default: a million links take minutes on a slow disk."""
_DEAD_AFTER_S: Final = 5.0
"""A transaction that grew no more for this long belongs to a writer that died; before, it is let finish."""
_BATCH_BYTES: Final = 512 * 1024
ANSWER_S: Final = 30.0
"""Longest wait for one answer of the broker."""
_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class _Tried(Generic[T]):
    """An attempt that was sent and maybe committed: all of it, or nothing."""

    offset: int
    """Of its first record, as are key and value."""
    key: bytes
    value: bytes | None
    told: T


class Writer:
    """Changes the registry. `base` saves reading what it holds already; one writer serves one event loop."""

    def __init__(self, settings: Settings, base: Snapshot | None = None) -> None:
        self._settings = settings
        self._replica = Replica(base)
        self._lock = asyncio.Lock()

    async def read(self) -> Snapshot:
        """The registry as it is now.

        Raises:
            UnavailableError: Kafka does not answer, or the topic is not there.
        """
        async with self._attached() as reader:
            return await self._replica.catch_up(reader)

    async def change(self, plan: Plan[T], progress: Progress = lambda _: None) -> T:
        """Carry out a plan, all of it or nothing; returns what the plan wants to tell.

        Raises:
            InputError: the plan's own; nothing was written.
            ConflictError: other writers were faster every time; nothing was written.
            UnavailableError: Kafka does not answer, or the topic is not there. Whether the change was made is then
                unknown; making it again is harmless, except that links without given codes may get second ones.
        """
        async with self._attached() as reader:
            tried: _Tried[T] | None = None
            failures: list[Exception] = []
            while True:
                state = await self._replica.catch_up(reader)
                records, told = await _decide(plan, state, tried, reader)
                if not records:
                    return told
                if len(failures) == _ATTEMPTS:
                    break
                await self._let_finish(reader)
                try:
                    async with self._only_writer() as producer:
                        newer = await self._replica.catch_up(reader)
                        if newer.offset != state.offset:
                            records, told = await _decide(plan, newer, tried, reader)
                        if records:
                            offset = await self._write(producer, records, progress)
                            tried = _Tried(offset, *records[0], told)
                            await self._commit(producer)
                except (KafkaError, TimeoutError, OSError) as error:
                    failures.append(error)
                    _logger.info("registry change starts again", reason=repr(error))
                    # Two writers that fence each other in step would do so for ever.
                    await asyncio.sleep(random.uniform(0, 0.3 * len(failures)))  # noqa: S311 - no secret
                else:
                    return told
        if isinstance(failures[-1], ProducerFenced):
            raise ConflictError("others change the registry all the time; try again later")
        raise UnavailableError(f"Kafka: {failures[-1]!r}")

    @asynccontextmanager
    async def _attached(self) -> AsyncIterator[TopicReader]:
        """The topic, read from where the replica is."""
        try:
            async with self._lock, open_topic(self._settings) as reader:
                await self._replica.attach(reader)
                yield reader
        except TopicLostError as error:
            raise UnavailableError(
                f"topic {self._settings.topic(REGISTRY)} was deleted and made anew while this ran: all it had is lost. "
                "See that it is what it should be (guidestream link list, guidestream topics), then run this again"
            ) from error

    @asynccontextmanager
    async def _only_writer(self) -> AsyncIterator[Any]:
        """A producer that has taken over the transactional id: nobody who had it before can commit any more."""
        producer = AIOKafkaProducer(
            **client_options(self._settings.kafka),
            transactional_id=f"{self._settings.kafka.topic_prefix}registry-writer",
            transaction_timeout_ms=_TRANSACTION_MS,
            max_batch_size=_BATCH_BYTES,
            request_timeout_ms=int(ANSWER_S * 1000),
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                await start_client(producer)
            yield producer
        finally:
            _forget(producer)
            await stop_producer(producer)

    async def _write(self, producer: Any, records: Encoded, progress: Progress) -> int:
        """Put the records into a transaction; the offset of the first.

        An error leaves the transaction open, and the next writer's take-over aborts it.
        """
        await producer.begin_transaction()
        batch = producer.create_batch()
        offsets: list[int] = []
        for taken, (key, value) in enumerate(records):
            if batch.append(key=key, value=value, timestamp=None) is None:
                offsets.append(await self._send(producer, batch))
                progress(taken)
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        offsets.append(await self._send(producer, batch))
        progress(len(records))
        return offsets[0]

    async def _send(self, producer: Any, batch: Any) -> int:
        """Send one batch; its first record's offset."""
        async with asyncio.timeout(ANSWER_S):
            sent = await (await producer.send_batch(batch, self._settings.topic(REGISTRY), partition=0))
        return int(sent.offset)

    async def _commit(self, producer: Any) -> None:
        async with asyncio.timeout(ANSWER_S):
            await producer.commit_transaction()

    async def _let_finish(self, reader: TopicReader) -> None:
        """Wait while somebody else's transaction grows: taking over now would make a long import start again."""
        grown, since = -1, monotonic()
        await self._replica.pull(reader)
        while reader.transaction_open() and monotonic() - since < _DEAD_AFTER_S:
            if reader.highest() != grown:
                grown, since = reader.highest(), monotonic()
            await self._replica.pull(reader)


def _forget(producer: Any) -> None:
    """See the errors that the client keeps for itself in an attempt that failed; asyncio else logs them as unseen."""
    queues = producer._message_accumulator._batches.values()  # noqa: SLF001 - none of this has a public name
    waiters = [batch._drain_waiter for queue in queues for batch in queue]  # noqa: SLF001
    for waiter in (*waiters, producer._txn_manager.wait_for_transaction_end()):  # noqa: SLF001
        if waiter is not None and waiter.done():
            waiter.exception()


async def _decide(plan: Plan[T], state: Snapshot, tried: _Tried[T] | None, reader: TopicReader) -> tuple[Encoded, T]:
    """What to write now: nothing when the attempt whose end is unknown was made after all.

    The state cannot tell that: another may have written the same, or something else since.
    """
    if tried is not None and await reader.holds(tried.offset, tried.key, tried.value):
        return (), tried.told
    return plan(state)
