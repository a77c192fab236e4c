"""All lanes of a worker: begun and ended with each assignment, flushed, recounted and committed together.

Pure of Faust but for the consumer's few calls, so that the app is nothing but wiring.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Final

from faust.types import TP

from stream.base import log, metrics
from stream.base.clock import Clock
from stream.sink import recount
from stream.worker.clicks import ClickLane
from stream.worker.gauges import Gauges
from stream.worker.lane import Lane
from stream.worker.sink import Sink
from stream.worker.transport import Batch, Consumer

MakeLane = Callable[[TP, int, Consumer], Lane]
Fail = Callable[[BaseException], None]
"""Ends the process; it does not return."""

_IDLE_S: Final = 10.0
"""A partition without a click for so long follows the wall clock, so that its windows close."""
_MARKS_AT_ONCE: Final = 240
"""Marked windows that are looked at together: four hours of a partition."""
_ROWS_AT_ONCE: Final = 20_000
"""Of one recount: some 30 MB, as they were written and as they are now, however long an outage was."""
_logger = log.get(__name__)


class Pipeline:
    """One per process."""

    def __init__(self, makers: Mapping[str, MakeLane], sink: Sink, gauges: Gauges, clock: Clock, fail: Fail) -> None:
        self.lanes: dict[TP, Lane] = {}
        self.settled = True
        """Whether everything that was taken is written, and the broker confirmed its commit, as of the last flush."""
        self._makers = makers
        self._sink = sink
        self._gauges = gauges
        self._clock = clock
        self._fail = fail
        self._tasks: dict[TP, asyncio.Task[None]] = {}
        self._flushing = asyncio.Lock()
        self._recounting = asyncio.Lock()
        self._consumer: Consumer | None = None

    def use(self, makers: Mapping[str, MakeLane]) -> None:
        """Take other kinds of lanes, by topic: a seam for tests and benchmarks, before the first assignment."""
        self._makers = makers

    @property
    def ready(self) -> bool:
        """Whether there was an assignment and each of its lanes has recovered."""
        return self._consumer is not None and all(lane.ready for lane in self.lanes.values())

    def begin(self, assigned: Iterable[TP], consumer: Consumer) -> None:
        """Start a lane for each partition of a new assignment."""
        self._drop()
        self._gauges.clear()
        self._consumer = consumer
        for tp in sorted(assigned):
            lane = self.lanes[tp] = self._makers[tp.topic](tp, consumer.epoch, consumer)
            self._tasks[tp] = asyncio.create_task(self._run(lane), name=f"lane {tp.topic}/{tp.partition}")

    def offer(self, batch: Batch) -> None:
        """Hand a fetch to its lane; a fetch of an older epoch is nobody's, and fetched again."""
        lane = self.lanes.get(batch.tp)
        if lane is not None:
            lane.offer(batch)

    async def end(self, deadline_s: float) -> bool:
        """Finish the batches under way, write and commit; what is not done by the deadline is left to whoever is next.

        Returns:
            Whether everything that was taken is committed.
        """
        for lane in self.lanes.values():
            lane.stop()
        done = False
        try:
            async with asyncio.timeout(deadline_s):
                if self._tasks:
                    # Lanes that still recover have nothing to finish.
                    running = [task for tp, task in self._tasks.items() if self.lanes[tp].ready]
                    if running:
                        await asyncio.wait(running)
                await self.flush()
                await self.recount()
                done = self.settled
        except TimeoutError:
            _logger.warning("not all was written before the partitions were given up; it will be read again")
        self._drop()
        return done

    async def flush(self) -> None:
        """Write the window rows that changed, and commit what is done."""
        async with self._flushing:
            lanes = self.click_lanes()
            now_ms = self._clock()
            for lane in lanes:
                if lane.idle_s > _IDLE_S:
                    lane.windows.advance(now_ms - int(_IDLE_S * 1000))
            flushes = [(lane, lane.windows.begin_flush()) for lane in lanes]
            rows = [(lane.tp.partition, row) for lane, flush in flushes for row in flush.rows]
            started = monotonic()
            await self._sink.windows(rows, now_ms)
            if rows:
                metrics.STAGE_SECONDS.labels("flush").observe(monotonic() - started)
            for lane, flush in flushes:
                lane.windows.end_flush(flush)
                if self._is_mine(lane):
                    self._gauges.grew(flush.rows, flush.growth)
            await self._commit(lanes)

    async def recount(self) -> None:
        """Count marked windows again from raw rows, write them, and commit what is done."""
        async with self._recounting:
            lanes = self.click_lanes()
            for lane in lanes:
                while starts := lane.windows.begin_recount(_MARKS_AT_ONCE):
                    for portion in await self._portions(lane, starts):
                        await self._recount(lane, portion)
                    lane.windows.end_recount()
            await self._commit(lanes)

    async def _portions(self, lane: ClickLane, starts: list[int]) -> list[list[int]]:
        partition, kept = lane.tp.partition, [start for start in starts if start >= lane.oldest_ms]
        return await self._sink.ask("portions", lambda ch: recount.portions(ch, partition, kept, _ROWS_AT_ONCE))

    async def _recount(self, lane: ClickLane, starts: list[int]) -> None:
        started = monotonic()
        partition = lane.tp.partition
        before = await self._sink.ask("written", lambda clickhouse: recount.written(clickhouse, partition, starts))
        rows = await self._sink.ask("recount", lambda clickhouse: recount.recounted(clickhouse, partition, starts))
        await self._sink.windows([(partition, row) for row in rows], self._clock())
        if self._is_mine(lane):
            self._gauges.restated(before, rows)
        metrics.STAGE_SECONDS.labels("recount").observe(monotonic() - started)

    async def _commit(self, lanes: Iterable[ClickLane]) -> None:
        settled = True
        for lane in lanes:
            offset = lane.windows.settle()
            settled &= not lane.windows.unwritten
            if offset is not None:
                lane.consumer.settle(lane.tp, offset, lane.epoch)
        if self._consumer is not None and self.lanes:
            # Its result does not tell: it is False, too, when there is nothing to commit or another is at it.
            await self._consumer.commit()
            settled &= self._consumer.all_committed
        self.settled = settled

    def click_lanes(self) -> list[ClickLane]:
        """Lanes of clicks that have recovered."""
        return [lane for lane in self.lanes.values() if isinstance(lane, ClickLane) and lane.ready]

    def _is_mine(self, lane: Lane) -> bool:
        """Whether a lane is of this assignment: another may have begun while a request was under way."""
        return self.lanes.get(lane.tp) is lane

    def _drop(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self.lanes.clear()

    async def _run(self, lane: Lane) -> None:
        try:
            await lane.run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process: a restart is the repair
            self._fail(error)
