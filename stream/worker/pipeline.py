"""All lanes of a worker: begun and ended with each assignment, flushed, recounted and committed together.

Pure of Faust but for the consumer's few calls, so that the app is nothing but wiring.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Final

from faust.types import TP

from schemas.topics import CLICKS
from stream.base import log, metrics
from stream.base.clock import Clock
from stream.worker.gauges import WindowGauges
from stream.worker.lane import Lane
from stream.worker.transport import Batch, Consumer
from stream.worker.window_kinds import AnyKind
from stream.worker.window_lane import WindowLane

MakeLane = Callable[[TP, int, Consumer], Lane]
Fail = Callable[[BaseException], None]
"""Ends the process; it does not return."""

_IDLE_S: Final = 10.0
"""A partition without an event for so long follows the wall clock, so that its windows close."""
_MARKS_AT_ONCE: Final = 1_440
"""Marked windows that are looked at together: a day of a partition."""
_logger = log.get(__name__)


class Pipeline:
    """One per process."""

    def __init__(
        self, makers: Mapping[str, MakeLane], gauges: Iterable[WindowGauges[Any]], clock: Clock, fail: Fail
    ) -> None:
        self.lanes: dict[TP, Lane] = {}
        self.settled = True
        """Whether everything that was taken is written, and the broker confirmed its commit, as of the last flush."""
        self._makers = makers
        self._gauges = tuple(gauges)
        self._clock = clock
        self._fail = fail
        self._tasks: dict[TP, asyncio.Task[None]] = {}
        self._flushing = asyncio.Lock()
        self._recounting = asyncio.Lock()
        self._publishing = asyncio.Lock()
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
        for gauges in self._gauges:
            gauges.clear()
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
                await self.publish()
                done = self.settled
        except TimeoutError:
            _logger.warning("not all was written before the partitions were given up; it will be read again")
        self._drop()
        return done

    async def flush(self) -> None:
        """Write the window rows that changed, and commit what is done."""
        async with self._flushing:
            lanes = self.window_lanes()
            now_ms = self._clock()
            for lane in lanes:
                if lane.idle_s > _IDLE_S:
                    lane.windows.advance(now_ms - int(_IDLE_S * 1000))
            for kind in dict.fromkeys(lane.kind for lane in lanes):
                await self._flush(kind, [lane for lane in lanes if lane.kind is kind], now_ms)
            await self._commit(lanes)

    async def _flush(self, kind: AnyKind, lanes: Sequence[WindowLane], now_ms: int) -> None:
        flushes = [(lane, lane.windows.begin_flush()) for lane in lanes]
        rows = [(lane.tp.partition, row) for lane, flush in flushes for row in flush.rows]
        started = monotonic()
        await kind.write(rows, now_ms)
        if rows:
            metrics.STAGE_SECONDS.labels("flush").observe(monotonic() - started)
        for lane, flush in flushes:
            lane.windows.end_flush(flush)
            lane.flushed(flush.batch)
            if self._is_mine(lane):
                kind.grew(flush)

    async def recount(self) -> None:
        """Count marked windows again from raw rows, write them, and commit what is done."""
        async with self._recounting:
            lanes = self.window_lanes()
            for lane in lanes:
                while starts := lane.windows.begin_recount(_MARKS_AT_ONCE):
                    kept = [start for start in starts if start >= lane.oldest_ms]
                    for portion in await lane.kind.portions(lane.tp.partition, kept):
                        await self._recount(lane, portion)
                    lane.windows.end_recount()
            await self._commit(lanes)

    async def _recount(self, lane: WindowLane, starts: list[int]) -> None:
        started = monotonic()
        partition = lane.tp.partition
        before, rows = await lane.kind.recount(partition, starts)
        await lane.kind.write([(partition, row) for row in rows], self._clock())
        if self._is_mine(lane):
            lane.kind.restated(lane.shown(before, starts), rows)
        metrics.STAGE_SECONDS.labels("recount").observe(monotonic() - started)

    async def publish(self) -> None:
        """Tell others what is written, and commit what is done."""
        async with self._publishing:
            lanes = self.window_lanes()
            await asyncio.gather(*(lane.publish() for lane in lanes))
            await self._commit(lanes)

    async def _commit(self, lanes: Iterable[WindowLane]) -> None:
        settled = True
        for lane in lanes:
            offset = lane.settle()
            settled &= not lane.unsettled
            if offset is not None:
                lane.consumer.settle(lane.tp, offset, lane.epoch)
        if self._consumer is not None and self.lanes:
            # Its result does not tell: it is False, too, when there is nothing to commit or another is at it.
            await self._consumer.commit()
            settled &= self._consumer.all_committed
        self.settled = settled

    def window_lanes(self) -> list[WindowLane]:
        """Lanes with windows that have recovered."""
        return [lane for lane in self.lanes.values() if isinstance(lane, WindowLane) and lane.ready]

    def click_lanes(self) -> list[WindowLane]:
        """Those of them that count clicks."""
        return [lane for lane in self.window_lanes() if lane.kind.table == CLICKS]

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
