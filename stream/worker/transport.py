"""Faust's Kafka transport, with one message per fetched partition batch and commits driven by an explicit "settled".

Chosen by the scheme of the broker's URL (`guidestream://`), through the entry point group `faust.transports`. Every
override answers a fault that was seen with Faust 0.15.3: which one stands beside it; `tests/contract` holds what is
assumed about Faust's inside. All topics of this app are read this way.

An *epoch* is the time between two rebalances. A new one closes every partition; nothing of a partition is fetched until
its owner has recovered and calls `open` with the offset to start at. What was fetched under an older epoch is thrown
away, and the position set back.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiokafka
from aiokafka.errors import CorruptRecordException
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream.base import kafka_records
from stream.base.errors import InvariantError
from stream.worker.append_time import append_time

kafka_records.install()

_TICK_S = 0.1
"""The longest wait of one fetch: a partition that opens or has room again joins the next fetch."""
_PAUSE_S = 0.02
"""After a fetch that brought little: back-to-back fetches of five records each would eat the processor."""
_LITTLE = 500


@dataclass(slots=True, eq=False)
class Batch:
    """The records of one fetch of one partition, in order, at least one."""

    tp: TP
    records: list[Any]
    epoch: int

    @property
    def first(self) -> int:
        """Offset of the first record."""
        return int(self.records[0].offset)

    @property
    def last(self) -> int:
        """Offset of the last record."""
        return int(self.records[-1].offset)


class BatchRecord:
    """A batch as Faust sees it: a single record at the offset of its last."""

    __slots__ = ("offset", "partition", "timestamp", "timestamp_type", "topic", "value")

    headers: tuple[tuple[str, bytes], ...] = ()
    key = checksum = None
    serialized_key_size = serialized_value_size = 0

    def __init__(self, batch: Batch) -> None:
        last = batch.records[-1]
        self.topic, self.partition = batch.tp
        self.offset, self.timestamp, self.timestamp_type = last.offset, last.timestamp, last.timestamp_type
        self.value = batch


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Makes the client that fetches."""

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1500 ms, for which an empty partition holds up the busy ones: a third of the throughput.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms  # noqa: SLF001 - no other way in
        # The registry is written in transactions; what was aborted must not be seen.
        consumer._isolation_level = "read_committed"  # noqa: SLF001
        return consumer


class Consumer(driver.Consumer):
    """Fetches open partitions in batches and commits what was settled."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.epoch = 0
        self.full: set[TP] = set()
        """Partitions whose owner has enough: they are not fetched, so their lag stays in Kafka."""
        self._opened: set[TP] = set()
        self._positions: dict[TP, int] = {}
        self._settled: dict[TP, int] = {}
        self._confirmed: dict[TP, int] = {}

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def open(self, tp: TP, offset: int, epoch: int) -> bool:
        """Fetch a partition from `offset` on; False when the epoch is over."""
        if epoch != self.epoch:
            return False
        self._positions[tp] = offset  # from now on, whoever throws a fetch away sets the position back to this
        await self._thread.seek_wait({tp: offset})
        if epoch != self.epoch:
            return False
        self._opened.add(tp)
        return True

    def settle(self, tp: TP, offset: int, epoch: int) -> None:
        """All records before `offset` are done: the next `commit` may say so."""
        if epoch == self.epoch:
            self._settled[tp] = offset

    @property
    def all_committed(self) -> bool:
        """Whether the broker confirmed a commit of all that was settled in this epoch."""
        return all(self._confirmed.get(tp, -1) >= offset for tp, offset in self._settled.items())

    async def committed(self, tp: TP) -> int | None:
        """What the group committed, or None."""
        client = self._thread._ensure_consumer()  # noqa: SLF001
        offset: int | None = await self._thread.call_thread(client.committed, aiokafka.TopicPartition(*tp))
        return offset

    async def append_time(self, tp: TP, offset: int) -> int | None:
        """When the broker appended a record; None when it has none there."""
        client = self._thread._ensure_consumer()._client  # noqa: SLF001
        found: int | None = await self._thread.call_thread(append_time, client, tp, offset)
        return found

    async def bounds(self, *tps: TP) -> Mapping[TP, tuple[int, int]]:
        """(earliest offset, offset behind the last record) of each, as the broker has them now."""
        # `highwater()` would be the end as of the last fetch, which says nothing while the broker is down.
        first = await self._thread.earliest_offsets(*tps)
        end = await self._thread.highwaters(*tps)
        return {tp: (first[tp], end[tp]) for tp in tps}

    async def perform_seek(self) -> None:
        """Begin a new epoch. Faust seeks to committed offsets here, and not to where there is no commit yet."""
        self.epoch += 1
        self.full.clear()
        self._opened.clear()
        self._positions.clear()
        self._settled.clear()
        self._confirmed.clear()

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> Mapping[TP, list[BatchRecord]]:
        wanted = self._opened.intersection(active_partitions or ()) - self.full
        # Faust clears its queues after the seek that ends a rebalance: what was fetched in between would be lost.
        # And an empty set means "all partitions" to aiokafka.
        if self.app.rebalancing or not wanted:
            await asyncio.sleep(_PAUSE_S)
            return {}
        epoch = self.epoch
        try:
            fetched = await self._thread.getmany(wanted, min(timeout, _TICK_S))
        except CorruptRecordException as error:
            raise InvariantError(str(error)) from error
        if epoch != self.epoch:
            # A rebalance happened meanwhile: the fetch moved positions that may have been set for the new epoch.
            await self._thread.seek_wait({tp: self._positions[tp] for tp in fetched if tp in self._positions})
            return {}
        batches = {}
        for tp, records in fetched.items():
            if records:
                self._positions[tp] = records[-1].offset + 1
                batches[tp] = [BatchRecord(Batch(TP(*tp), records, epoch))]
        if sum(map(len, fetched.values())) < _LITTLE:
            await asyncio.sleep(_PAUSE_S)
        return batches

    def _to_message(self, tp: TP, record: BatchRecord) -> Any:
        return super()._to_message(TP(*tp), record)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Nothing: Faust's gaps count a message's own offset as acknowledged."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        del topics  # Faust would look only at partitions that its own acknowledgements came by
        return iter(list(self._settled))

    def _new_offset(self, tp: TP) -> int | None:
        return self._settled.get(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        # Faust takes a commit that a rebalance made fail for done, and would never repeat it.
        return offset > self._confirmed.get(tp, -1)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        done: bool = await super()._commit(offsets)
        if done:
            self._confirmed.update(offsets)
        return done


class Transport(driver.Transport):
    """`guidestream://host:port;host:port`."""

    Consumer = Consumer
    fetch_wait_ms = 20
    """Set by the app before it starts."""
