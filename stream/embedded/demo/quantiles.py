"""Quantiles of measured times."""

from collections.abc import Iterable


def quantile(times: Iterable[float], q: float, digits: int = 1) -> float | None:
    """The time that a share `q` of all stays below, rounded; None when there are none."""
    ordered = sorted(times)
    return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], digits) if ordered else None
