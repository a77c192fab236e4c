"""Counts by name over the last 5 minutes, the last hour and the business day, kept up by increments.

One worker's share: the sum over workers is the number. Minutes are those of event time. Sums are kept, not made: a
minute is added when it grows and taken off when it leaves, so a question costs what changed, not what there is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest
from operator import add, neg
from typing import Final, Literal

from schemas.windows import WINDOW_MS, window_of

Span = Literal["5m", "1h", "day"]
SPANS: Final[tuple[Span, ...]] = ("5m", "1h", "day")
_MINUTES: Final = {"5m": 5, "1h": 60}
Counts = tuple[int, ...]
"""Numbers that add up, as many for every name: of clicks and human clicks, say."""


class Sums:
    """Counts by name; a name whose counts come down to nothing is gone."""

    def __init__(self) -> None:
        self.counts: dict[str, Counts] = {}
        self.changed: set[str] = set()
        """Names that changed since the last `take_changed`."""

    def add(self, name: str, counts: Counts) -> None:
        """Add to a name, or take off with negative numbers."""
        had = self.counts.get(name)
        now = tuple(map(add, had, counts)) if had else counts
        self.changed.add(name)
        if any(now):
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
    rest: int
    """The first number of all that are left out."""
    left_out: int


def top(sums: Sums, count: int) -> Top:
    """The `count` names whose first number is largest; of equals the first in the alphabet."""
    counts = sums.counts
    largest = counts
    if len(counts) > count:
        largest = dict(nsmallest(count, counts.items(), key=lambda item: (-item[1][0], item[0])))
    rest = sum(numbers[0] for numbers in counts.values()) - sum(numbers[0] for numbers in largest.values())
    return Top(dict(largest), rest, len(counts) - len(largest))


class Shares:
    """Sums per span of one kind of names, guides or links."""

    def __init__(self, now_ms: int, day_start_ms: int) -> None:
        self.sums: dict[Span, Sums] = {span: Sums() for span in SPANS}
        self._minutes: dict[int, Sums] = {}
        self._day_start_ms = day_start_ms
        self._since = self._starts(now_ms)

    @staticmethod
    def _starts(now_ms: int) -> dict[str, int]:
        """The first minute of each rolling span; the current minute is its last."""
        return {span: window_of(now_ms) - (minutes - 1) * WINDOW_MS for span, minutes in _MINUTES.items()}

    def add(self, window_start: int, name: str, growth: Counts) -> None:
        """A row of a window grew, or shrank, by so much."""
        if window_start >= self._since["1h"]:
            self._minutes.setdefault(window_start, Sums()).add(name, growth)
        for span in self._spans_of(window_start):
            self.sums[span].add(name, growth)

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
        for sums in self.sums.values():
            sums.clear()

    def _spans_of(self, window_start: int) -> Iterable[Span]:
        if window_start >= self._since["5m"]:
            yield "5m"
        if window_start >= self._since["1h"]:
            yield "1h"
        if window_start >= self._day_start_ms:
            yield "day"

    def _take_off(self, span: Span, minute: Sums) -> None:
        for name, counts in minute.counts.items():
            self.sums[span].add(name, tuple(map(neg, counts)))

    def _begin_day(self, day_start_ms: int) -> None:
        self._day_start_ms = day_start_ms
        self.sums["day"].clear()
        for start, minute in self._minutes.items():
            if start >= day_start_ms:
                for name, counts in minute.counts.items():
                    self.sums["day"].add(name, counts)
