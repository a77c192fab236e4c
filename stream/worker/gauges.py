"""Business gauges: this worker's share of clicks per guide and per top link, right from the moment of an assignment.

Loaded from written windows when a partition is recovered, then moved by what each flush and each recount adds. What
open windows hold is in no written window that is loaded: their first flush counts them in full. Nor is what marked
windows hold, which an older assignment may be writing still: their first recount counts them in full.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Sequence
from time import monotonic
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo

from prometheus_client import Gauge

from schemas.windows import WINDOW_MS, ConversionWindowRow, WindowRow, window_of
from stream.aggregate.shares import SPANS, Counts, Shares, Span, top
from stream.base import metrics
from stream.base.clock import Clock
from stream.base.days import day_at
from stream.sink import recount
from stream.worker.sink import Sink

NOBODY: Final = "-"
"""The guide of links that nobody owns: an empty label would be no label."""
_HOUR_MS: Final = 60 * WINDOW_MS
_COST: Final = 50
"""Choosing the top links takes at most this part of the time, however many links there are."""


Row = TypeVar("Row", WindowRow, ConversionWindowRow)


class WindowGauges(ABC, Generic[Row]):
    """What gauges of one kind of windows have in common."""

    def __init__(self, zone: ZoneInfo, clock: Clock) -> None:
        self._zone = zone
        self._clock = clock

    @abstractmethod
    async def load(self, partition: int, closed_before_ms: int, marked: Collection[int], sink: Sink) -> None:
        """Add what was written of a partition's closed windows that are not marked."""

    @abstractmethod
    def clear(self) -> None:
        """The partitions were given up."""

    @abstractmethod
    def grew(self, rows: Iterable[Row], before: Iterable[Row | None]) -> None:
        """Add what rows say more, or less, than they said before; None: it is new."""

    @abstractmethod
    def show(self) -> None:
        """Move on to now and set the gauges that changed."""

    def restated(self, before: Iterable[Row], after: Sequence[Row]) -> None:
        """Add what recounted rows say more, or less, than the rows written before."""
        had = {row.key: row for row in before}
        self.grew(after, [had.get(row.key) for row in after])

    def _now(self) -> tuple[int, int]:
        """This moment, and the start of its business day."""
        now_ms = self._clock()
        return now_ms, day_at(now_ms, self._zone).start_ms

    def _loaded(self) -> tuple[int, int]:
        """Starts of the business day and of the last hour: what is loaded reaches back to the earlier one."""
        now_ms, day_ms = self._now()
        return day_ms, window_of(now_ms) - _HOUR_MS + WINDOW_MS


class Gauges(WindowGauges[WindowRow]):
    """Keeps the sums of all partitions of this worker and shows them."""

    def __init__(self, zone: ZoneInfo, top_links: int, clock: Clock) -> None:
        super().__init__(zone, clock)
        self._top_links = top_links
        self._guides, self._links = Shares(*self._now()), Shares(*self._now())
        self._shown: dict[Span, set[str]] = {span: set() for span in SPANS}
        self._next_top_s = 0.0

    def clear(self) -> None:
        """The partitions were given up."""
        self._guides.clear()
        self._links.clear()

    async def load(self, partition: int, closed_before_ms: int, marked: Collection[int], sink: Sink) -> None:
        """Add what was written of a partition's closed windows that are not marked."""
        day_ms, hour_ms = self._loaded()
        rows = await sink.ask(
            "shares", lambda ch: recount.shares(ch, partition, day_ms, hour_ms, closed_before_ms, marked)
        )
        for minute, guide, link, clicks, human in rows:
            self._add(minute, guide, link, (clicks, human))

    def grew(self, rows: Iterable[WindowRow], before: Iterable[WindowRow | None]) -> None:
        """Add what rows say more, or less, than they said before; None: it is new."""
        for row, had in zip(rows, before, strict=True):
            counts = (row.clicks, row.human_clicks)
            if had:
                counts = (row.clicks - had.clicks, row.human_clicks - had.human_clicks)
            self._add(row.window_start, row.guide_id, row.link, counts)

    def show(self) -> None:
        """Move on to now and set the gauges that changed; label values without clicks disappear."""
        now = self._now()
        self._guides.roll(*now)
        self._links.roll(*now)
        for span in SPANS:
            for guide, counts in self._guides.sums[span].take_changed():
                _set((metrics.GUIDE_CLICKS, metrics.GUIDE_HUMAN_CLICKS), guide, span, counts)
        started_s = monotonic()
        if started_s >= self._next_top_s:
            for span in SPANS:
                self._show_links(span)
            ended_s = monotonic()
            self._next_top_s = ended_s + _COST * (ended_s - started_s)

    def _add(self, window_start: int, guide: str, link: str, counts: Counts) -> None:
        self._guides.add(window_start, guide or NOBODY, counts)
        self._links.add(window_start, link, counts)

    def _show_links(self, span: Span) -> None:
        sums = self._links.sums[span]
        if not sums.take_changed():
            return
        best = top(sums, self._top_links)
        gauges = (metrics.LINK_CLICKS, metrics.LINK_HUMAN_CLICKS)
        for link in self._shown[span] - best.names.keys():
            _set(gauges, link, span, None)
        for link, counts in best.names.items():
            _set(gauges, link, span, counts)
        self._shown[span] = set(best.names)
        metrics.LINK_CLICKS_REST.labels(span).set(best.rest)
        metrics.LINKS_LEFT_OUT.labels(span).set(best.left_out)


def _set(gauges: tuple[Gauge, Gauge], name: str, span: Span, counts: Counts | None) -> None:
    for gauge, count in zip(gauges, counts or (None, None), strict=True):
        if count is None:
            gauge.remove(name, span)
        else:
            gauge.labels(name, span).set(count)
