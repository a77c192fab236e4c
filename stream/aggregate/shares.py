"""Clicks per guide and per link over the last 5 minutes, the last hour and the business day, kept up by increments.

One worker's share: the sum over workers is the number. Minutes are those of event time. Sums are kept, not made: a
minute is added when it grows and taken off when it leaves, so a question costs what changed, not what there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import Final, Literal

from schemas.windows import WINDOW_MS, window_of

Span = Literal["5m", "1h", "day"]
SPANS: Final[tuple[Span, ...]] = ("5m", "1h", "day")
_MINUTES: Final = {"5m": 5, "1h": 60}
Counts = tuple[int, int]
"""Clicks, human clicks."""


class Sums:
    """Counts by name; a name whose clicks come down to nothing is gone."""

    def __init__(self) -> None:
        self.counts: dict[str, Counts] = {}
        self.changed: set[str] = set()
        """Names that changed since the last `take_changed`."""

    def add(self, name: str, clicks: int, human: int) -> None:
        """Add to a name, or take off with negative numbers."""
        had = self.counts.get(name, (0, 0))
        now = (had[0] + clicks, had[1] + human)
        self.changed.add(name)
        if now[0] > 0:
            self.counts[name] = now
        else:
            self.counts.pop(name, None)

    def take_changed(self) -> list[tuple[str, Counts | None]]:
        """What changed since the last call; None for names that are gone."""
        changed, self.changed = self.changed, set()
        return [(name, self.counts.get(name)) for name in changed]

    def clear(self) -> None:
        """Forget all; every name counts as changed."""
        self.changed.update(self.counts)
        self.counts.clear()


@dataclass(frozen=True, slots=True)
class Top:
    """The largest of many names, and what they leave out."""

    names: dict[str, Counts]
    rest_clicks: int
    left_out: int


def top(sums: Sums, count: int) -> Top:
    """The `count` names with most clicks; of equals the first in the alphabet."""
    counts = sums.counts
    largest = counts
    if len(counts) > count:
        largest = dict(nsmallest(count, counts.items(), key=lambda item: (-item[1][0], item[0])))
    rest = sum(clicks for clicks, _ in counts.values()) - sum(clicks for clicks, _ in largest.values())
    return Top(dict(largest), rest, len(counts) - len(largest))


@dataclass(slots=True)
class _Minute:
    guides: Sums = field(default_factory=Sums)
    links: Sums = field(default_factory=Sums)


class Shares:
    """Sums per span, for guides and for links."""

    def __init__(self, now_ms: int, day_start_ms: int) -> None:
        self.guides: dict[Span, Sums] = {span: Sums() for span in SPANS}
        self.links: dict[Span, Sums] = {span: Sums() for span in SPANS}
        self._minutes: dict[int, _Minute] = {}
        self._day_start_ms = day_start_ms
        self._since = self._starts(now_ms)

    @staticmethod
    def _starts(now_ms: int) -> dict[str, int]:
        """The first minute of each rolling span; the current minute is its last."""
        return {span: window_of(now_ms) - (minutes - 1) * WINDOW_MS for span, minutes in _MINUTES.items()}

    def add(self, window_start: int, guide: str, link: str, growth: Counts) -> None:
        """A row of a window grew, or shrank, by so many clicks and human clicks."""
        clicks, human = growth
        if window_start >= self._since["1h"]:
            minute = self._minutes.setdefault(window_start, _Minute())
            minute.guides.add(guide, clicks, human)
            minute.links.add(link, clicks, human)
        for span in self._spans_of(window_start):
            self.guides[span].add(guide, clicks, human)
            self.links[span].add(link, clicks, human)

    def roll(self, now_ms: int, day_start_ms: int) -> None:
        """Move on to a time, and to its business day, that never go back."""
        before, self._since = self._since, self._starts(now_ms)
        for start in [start for start in self._minutes if start < self._since["5m"]]:
            minute = self._minutes[start]
            if start >= before["5m"]:
                self._take_off("5m", minute)
            if start < self._since["1h"]:
                self._take_off("1h", minute)
                del self._minutes[start]
        if day_start_ms > self._day_start_ms:
            self._begin_day(day_start_ms)

    def clear(self) -> None:
        """Forget all: the partitions were given up."""
        self._minutes.clear()
        for sums in (*self.guides.values(), *self.links.values()):
            sums.clear()

    def _spans_of(self, window_start: int) -> Iterable[Span]:
        if window_start >= self._since["5m"]:
            yield "5m"
        if window_start >= self._since["1h"]:
            yield "1h"
        if window_start >= self._day_start_ms:
            yield "day"

    def _take_off(self, span: Span, minute: _Minute) -> None:
        for sums, leaving in ((self.guides[span], minute.guides), (self.links[span], minute.links)):
            for name, (clicks, human) in leaving.counts.items():
                sums.add(name, -clicks, -human)

    def _begin_day(self, day_start_ms: int) -> None:
        self._day_start_ms = day_start_ms
        self.guides["day"].clear()
        self.links["day"].clear()
        for start, minute in self._minutes.items():
            if start >= day_start_ms:
                for sums, part in ((self.guides["day"], minute.guides), (self.links["day"], minute.links)):
                    for name, (clicks, human) in part.counts.items():
                        sums.add(name, clicks, human)
