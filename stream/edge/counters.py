"""What the edge counts while it answers: plain integers, handed to the metric catalogue a few times a second.

A labelled counter of the metrics library takes a lock and about a microsecond an increment, a histogram twice that; at
tens of thousands of answers a second in one thread that is a tenth of it.
"""

from bisect import bisect_left
from typing import Final

from stream.base.metrics import EDGE_REQUESTS, EDGE_SECONDS, EDGE_UNKNOWN

_BOUNDS: Final[tuple[float, ...]] = tuple(EDGE_SECONDS._upper_bounds)  # noqa: SLF001 - see Counters.publish


class Counters:
    """Counts answers. `answered` and `unknown` belong to one thread; `publish` to any one other."""

    def __init__(self) -> None:
        self._outcomes: dict[str, int] = {}
        self._unknown: dict[str, int] = {}
        self._buckets = [0] * len(_BOUNDS)
        self._seconds = 0.0
        self._published: dict[tuple[str, str], int] = {}
        self._published_buckets = [0] * len(_BOUNDS)
        self._published_seconds = 0.0

    def answered(self, outcome: str, seconds: float) -> None:
        """One request was answered."""
        self._outcomes[outcome] = self._outcomes.get(outcome, 0) + 1
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    def unknown(self, kind: str) -> None:
        """One request named no link."""
        self._unknown[kind] = self._unknown.get(kind, 0) + 1

    def publish(self) -> None:
        """Bring the metric catalogue up to date."""
        for metric, label, counts in (
            (EDGE_REQUESTS, "outcome", self._outcomes),
            (EDGE_UNKNOWN, "kind", self._unknown),
        ):
            for value, count in counts.copy().items():
                published = self._published.get((label, value), 0)
                metric.labels(value).inc(count - published)
                self._published[label, value] = count
        buckets, seconds = self._buckets.copy(), self._seconds
        # The library can only observe one value at a time; its buckets are counters like any other.
        for place, count in enumerate(buckets):
            EDGE_SECONDS._buckets[place].inc(count - self._published_buckets[place])  # noqa: SLF001
        EDGE_SECONDS._sum.inc(seconds - self._published_seconds)  # noqa: SLF001
        self._published_buckets, self._published_seconds = buckets, seconds
