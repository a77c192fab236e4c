"""The lane of the topic `conversions`: taken up from raw rows, with the credit that they hold."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from faust.types import TP

from schemas.topics import CONVERSIONS, REGISTRY
from stream.aggregate.conversions import ConversionPartition
from stream.aggregate.partition import Recovered
from stream.base.clock import Clock
from stream.base.settings import Settings
from stream.sink import retention
from stream.worker.attributed import Attributed, Outbox
from stream.worker.conversion_path import ConversionPath, LaneState
from stream.worker.conversion_recovery import catch_up, recover_windows
from stream.worker.customers import Customers
from stream.worker.fates import Fates
from stream.worker.lane import Lane
from stream.worker.mirror import filled
from stream.worker.recovery import find_position
from stream.worker.sink import Sink
from stream.worker.stage_gauges import StageGauges
from stream.worker.transport import Consumer
from stream.worker.window_kinds import AnyKind
from stream.worker.window_lane import WindowLane

_LOOK_S: Final = 0.05
_HELD: Final = 100_000
"""Records that may wait for `attributed`, some 70 MB: beyond it, as when only that topic is down, nothing is taken."""


class ConversionLane(WindowLane):
    """One partition of `conversions`."""

    windows: ConversionPartition
    _outbox: Outbox
    """Once it has recovered; nothing is taken, flushed or committed before."""

    full_events = 40_000
    """A customer is looked up and written once a batch: with as many in one 27,000 events/s were taken, 23,000 with
    half of them (2 cores, 2026-11)."""

    def __init__(  # noqa: PLR0913 - what a lane is made of
        self,
        tp: TP,
        epoch: int,
        consumer: Consumer,
        *,
        settings: Settings,
        path: ConversionPath,
        kind: AnyKind,
        sink: Sink,
        attributed: Attributed,
        gauges: StageGauges,
        mirror: Callable[[], Lane | None],
        clock: Clock,
    ) -> None:
        super().__init__(tp, epoch, consumer, settings=settings, kind=kind, clock=clock)
        self.windows = ConversionPartition(settings.worker.grace_ms, Recovered())
        self._path = path
        self.under_way = path.under_way
        self._sink = sink
        self._attributed = attributed
        self._gauges = gauges
        self._mirror = mirror
        self._customers = Customers(
            tp.partition,
            sink,
            kept=settings.worker.cached_customers,
            erased=path.erased,
            working=path.working,
            clock=clock,
        )
        self._fates = Fates(CONVERSIONS, tp.partition)

    async def recover(self) -> int:
        """Customers and `attributed` brought up to the raw rows, windows as raw rows say they are."""
        registry = TP(self.settings.topic(REGISTRY), 0)
        await filled(self._sink, (await self.consumer.bounds(registry))[registry][1], self._mirror)
        position = await find_position(CONVERSIONS, self.tp, self._sink, self.consumer)
        await self._path.erased.load()
        await catch_up(self.tp.partition, position, self._customers, self._sink, self._attributed)
        grace_ms = self.settings.worker.grace_ms
        self.windows = await recover_windows(self.tp, position, grace_ms, self.oldest_ms, self._sink)
        self._outbox = Outbox(self._attributed.send, done=position.start, committed=position.committed)
        await self.show(self._gauges, self._sink)
        return position.start

    @property
    def kept_days(self) -> int:
        """How long raw conversions are kept."""
        return retention.kept_days(self.settings)[CONVERSIONS]

    async def take(self, records: list[Any]) -> None:
        """The whole path."""
        state = LaneState(self.tp.partition, self.windows, self._customers, self._outbox, self._fates)
        await self._path.take(records, state)

    async def room(self) -> None:
        """Wait for the topic `attributed`, where it is behind."""
        while self._outbox.held > _HELD and not self._stopping:  # noqa: ASYNC110 - a rare case, and no hurry
            await asyncio.sleep(_LOOK_S)

    def flushed(self, batch: int) -> None:
        """What was waiting for these windows may be told."""
        self._outbox.flushed(batch)

    async def publish(self) -> None:
        """Send conversions with their credit."""
        await self._outbox.send()

    @property
    def unsettled(self) -> bool:
        """Whether something is not written, or not told."""
        return self.windows.unwritten or self._outbox.unsettled

    def settle(self) -> int | None:
        """The offset up to which windows are written and `attributed` is sent, if that moved on."""
        return self._outbox.settle(self.windows.settle())
