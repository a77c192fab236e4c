"""Gauges of what happened after the click: this worker's share per credited guide, as `Gauges` has it for clicks."""

from collections.abc import Collection, Iterable
from typing import Final
from zoneinfo import ZoneInfo

from schemas.windows import ConversionWindowRow
from stream.aggregate.shares import SPANS, Counts, Shares, Span
from stream.base import metrics
from stream.base.clock import Clock
from stream.sink.stage_shares import STAGES, numbers, stage_shares
from stream.worker.gauges import NOBODY, WindowGauges
from stream.worker.sink import Sink

_UNIT: Final = 10_000
"""Amounts are kept in ten-thousandths."""


class StageGauges(WindowGauges[ConversionWindowRow]):
    """Keeps the sums of all partitions of this worker and shows them."""

    def __init__(self, zone: ZoneInfo, clock: Clock) -> None:
        super().__init__(zone, clock)
        self._guides = Shares(*self._now())

    def clear(self) -> None:
        """The partitions were given up."""
        self._guides.clear()

    async def load(self, partition: int, closed_before_ms: int, marked: Collection[int], sink: Sink) -> None:
        """Add what was written of a partition's closed windows that are not marked."""
        day_ms, hour_ms = self._loaded()
        rows = await sink.ask(
            "stages", lambda ch: stage_shares(ch, partition, day_ms, hour_ms, closed_before_ms, marked)
        )
        for minute, guide, counts in rows:
            self._guides.add(minute, guide or NOBODY, counts)

    def grew(self, rows: Iterable[ConversionWindowRow], before: Iterable[ConversionWindowRow | None]) -> None:
        """Add what rows say more, or less, than they said before; None: it is new."""
        for row, had in zip(rows, before, strict=True):
            counts = numbers(row)
            if had:
                counts = tuple(now - then for now, then in zip(counts, numbers(had), strict=True))
            if any(counts):
                self._guides.add(row.window_start, row.guide_id or NOBODY, counts)

    def show(self) -> None:
        """Move on to now and set the gauges that changed; a number that is none has no series."""
        self._guides.roll(*self._now())
        for span in SPANS:
            for guide, counts in self._guides.sums[span].take_changed():
                _show(guide, span, counts)


def _show(guide: str, span: Span, counts: Counts | None) -> None:
    *stages, paid, refunded = counts or (0,) * (len(STAGES) + 2)
    for stage, count in zip(STAGES, stages, strict=True):
        if count:
            metrics.GUIDE_CONVERSIONS.labels(guide, stage, span).set(count)
        else:
            metrics.GUIDE_CONVERSIONS.remove(guide, stage, span)
    for gauge, amount in ((metrics.GUIDE_REVENUE, paid), (metrics.GUIDE_REFUNDS, refunded)):
        if amount:
            gauge.labels(guide, span).set(amount / _UNIT)
        else:
            gauge.remove(guide, span)
