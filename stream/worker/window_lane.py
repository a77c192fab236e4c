"""A lane with windows: what clicks and conversions have in common beyond a `Lane`."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, Final

from faust.types import TP

from stream.aggregate.partition import NEVER, Partition
from stream.base.clock import Clock
from stream.base.settings import Settings
from stream.worker.gauges import WindowGauges
from stream.worker.lane import Lane
from stream.worker.sink import Sink
from stream.worker.transport import Consumer
from stream.worker.window_kinds import AnyKind

_DAY_MS: Final = 86_400_000


class WindowLane(Lane):
    """One partition of a topic whose events are counted in windows."""

    windows: Partition[Any, Any]

    def __init__(
        self, tp: TP, epoch: int, consumer: Consumer, *, settings: Settings, kind: AnyKind, clock: Clock
    ) -> None:
        super().__init__(tp, epoch, consumer, settings.worker.batch_ms / 1000)
        self.settings = settings
        self.kind = kind
        self.clock = clock
        self.unshown: set[int] = set()
        """Marked windows that the gauges were not loaded with."""

    @property
    @abstractmethod
    def kept_days(self) -> int:
        """How long raw rows are kept; 0 for ever."""

    @property
    def oldest_ms(self) -> int:
        """Windows that start before may have lost raw rows to their time to live, so they are never counted again."""
        # A day less: rows may vanish any time after their time to live, and by the server's clock.
        return self.clock() - (self.kept_days - 1) * _DAY_MS if self.kept_days else NEVER

    @property
    def unsettled(self) -> bool:
        """Whether something that was taken is not done yet."""
        return self.windows.unwritten

    async def show(self, gauges: WindowGauges[Any], sink: Sink) -> None:
        """Load gauges with what is written, but for marked windows: who wrote them last may not be done with it."""
        self.unshown = set(self.windows.late)
        await gauges.load(self.tp.partition, self.windows.closed_before, self.unshown, sink)

    def shown(self, written: Sequence[Any], starts: Iterable[int]) -> list[Any]:
        """Of rows of recounted windows, as they were written before, those that gauges have; now they have them all."""
        had = [row for row in written if row.window_start not in self.unshown]
        self.unshown.difference_update(starts)
        return had

    def flushed(self, batch: int) -> None:
        """The windows of all batches up to this one are written."""

    def settle(self) -> int | None:
        """The offset that may be committed now, if that moved on since the last call."""
        return self.windows.settle()

    async def publish(self) -> None:
        """Tell others what is written, where there is something to tell."""
