"""The lane of the topic `clicks`: windows are recovered from raw rows and go on from there."""

from typing import Any

from faust.types import TP

from schemas.topics import CLICKS
from stream.aggregate.partition import Partition, Recovered
from stream.base.clock import Clock
from stream.base.settings import Settings
from stream.worker.fates import Fates
from stream.worker.gauges import Gauges
from stream.worker.path import ClickPath
from stream.worker.recovery import find_position, recover_windows
from stream.worker.sink import Sink
from stream.worker.transport import Consumer
from stream.worker.window_kinds import AnyKind
from stream.worker.window_lane import WindowLane


class ClickLane(WindowLane):
    """One partition of `clicks`."""

    windows: Partition

    def __init__(  # noqa: PLR0913 - what a lane is made of
        self,
        tp: TP,
        epoch: int,
        consumer: Consumer,
        *,
        settings: Settings,
        path: ClickPath,
        kind: AnyKind,
        sink: Sink,
        gauges: Gauges,
        clock: Clock,
    ) -> None:
        super().__init__(tp, epoch, consumer, settings=settings, kind=kind, clock=clock)
        self.windows = Partition(settings.worker.grace_ms, Recovered())
        self._path = path
        self._sink = sink
        self._gauges = gauges
        self._fates = Fates(CLICKS, tp.partition)

    async def recover(self) -> int:
        """Windows as raw rows say they are."""
        position = await find_position("clicks", self.tp, self._sink, self.consumer)
        grace_ms = self.settings.worker.grace_ms
        self.windows = await recover_windows(self.tp, position, grace_ms, self.oldest_ms, self._sink)
        await self.show(self._gauges, self._sink)
        return position.start

    @property
    def kept_days(self) -> int:
        """How long raw clicks are kept."""
        return self.settings.clickhouse.raw_ttl_days

    async def take(self, records: list[Any]) -> None:
        """The whole path."""
        await self._path.take(records, self.tp.partition, self.windows, self._fates)
