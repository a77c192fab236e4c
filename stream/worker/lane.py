"""One partition of one topic during one epoch: recover, then take what was fetched, batch by batch, in order.

Fetches that came in while a batch was under way become the next batch, up to a bound: under load batches grow, with
little to do they stay small. A batch is taken at most every `pace_s`, because each is a part in ClickHouse.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from contextlib import AbstractAsyncContextManager, nullcontext
from time import monotonic
from typing import Any, Final

from faust.types import TP

from stream.base.errors import InvariantError
from stream.worker.transport import Batch, Consumer

_FULL_FETCHES: Final = 16
"""A fetch is at most 2 MiB as the broker keeps it: a bound for large records."""


class Lane(ABC):
    """What is common to all topics. Subclasses say how to recover and what to do with a batch."""

    contiguous = True
    """Whether every offset must come: so it is where no producer uses transactions and nothing is compacted."""
    full_events = 20_000
    """Events of one batch: of clicks a fifth of a second of work, 5 MB of rows. With as many waiting, no more are
    fetched."""
    under_way: AbstractAsyncContextManager[object] = nullcontext()
    """Held while a batch is under way, by as many lanes at once as it lets in."""

    def __init__(self, tp: TP, epoch: int, consumer: Consumer, pace_s: float) -> None:
        self.tp = tp
        self.epoch = epoch
        self.consumer = consumer
        self.next_offset = -1
        """Where the next batch starts; -1 before recovery."""
        self.busy = False
        """Whether a batch is under way."""
        self.taken_s = monotonic()
        """When the last batch was begun."""
        self._opened_s = self.taken_s
        """When it had recovered: until then it was busy, not idle, and what waits for it has not come yet."""
        self._pace_s = pace_s
        self._queue: deque[Batch] = deque()
        self._queued = 0
        self._changed = asyncio.Event()
        self._stopping = False

    @property
    def idle_s(self) -> float:
        """For how long there has been nothing to do."""
        return 0.0 if self.busy or self._queue else monotonic() - max(self.taken_s, self._opened_s)

    @property
    def ready(self) -> bool:
        """Whether it recovered."""
        return self.next_offset >= 0

    def offer(self, batch: Batch) -> None:
        """Queue a fetch; when there is enough the partition is not fetched until the queue was taken."""
        if batch.epoch != self.epoch or self._stopping:
            return
        self._queue.append(batch)
        self._queued += len(batch.records)
        if self._full:
            self.consumer.full.add(self.tp)
        self._changed.set()

    def stop(self) -> None:
        """Let `run` return after the batch under way; what is queued is dropped, for whoever is next to fetch."""
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Recover and take batches until `stop`, or until the epoch is over.

        Raises:
            InvariantError: a batch does not start where the last one ended.
        """
        start = await self.recover()
        if self._stopping or not await self.consumer.open(self.tp, start, self.epoch):
            return
        self.next_offset = start
        self._opened_s = monotonic()
        while not self._stopping:
            await self._due()
            await self.room()
            async with self.under_way:
                await self._take_due()

    async def _take_due(self) -> None:
        if self._stopping:
            return
        self.busy = True
        self.taken_s = monotonic()
        records = self._drain()
        if records:
            await self.take(records)
            self.next_offset = records[-1].offset + 1
        self.busy = False

    async def _due(self) -> None:
        """Wait until a batch is to be taken, or `stop`."""
        while not self._stopping:
            wait_s = self.taken_s + self._pace_s - monotonic() if self._queue and not self._full else None
            if self._full or (wait_s is not None and wait_s <= 0):
                break
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                break

    def _drain(self) -> list[Any]:
        expected, records = self.next_offset, []
        for batch in self._queue:
            if batch.first != expected and (self.contiguous or batch.first < expected):
                raise InvariantError(
                    f"{self.tp.topic}/{self.tp.partition}: expected offset {expected}, got {batch.first}: records were "
                    "skipped or came twice, or the broker dropped them before they were read"
                )
            records += batch.records
            expected = batch.last + 1
        self._queue.clear()
        self._queued = 0
        self.consumer.full.discard(self.tp)
        return records

    @property
    def _full(self) -> bool:
        return self._queued >= self.full_events or len(self._queue) >= _FULL_FETCHES

    @abstractmethod
    async def recover(self) -> int:
        """Find out, from what is in ClickHouse and what is committed, at which offset to start."""

    async def room(self) -> None:  # noqa: B027 - most lanes have it
        """Wait until there is room for what another batch leaves behind, or until `stop`."""

    @abstractmethod
    async def take(self, records: list[Any]) -> None:
        """Take a batch; when it returns all of it is in."""
