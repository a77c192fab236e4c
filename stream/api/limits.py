"""Token buckets: how much of something each of many callers may have, in bounded memory. Pure."""

from typing import Final

_MOST_KEYS: Final = 20_000
"""Callers remembered at least. Who is forgotten begins with a full bucket, so a limit for each needs one for all."""


class Buckets:
    """One bucket per key: it holds `burst` and fills at `per_second`."""

    def __init__(self, *, per_second: float, burst: float, most_keys: int = _MOST_KEYS) -> None:
        self._rate, self._burst, self._most_keys = per_second, burst, most_keys
        # Two generations: a full young one becomes the old one, and who is seen again moves back.
        self._young: dict[str, tuple[float, float]] = {}
        self._old: dict[str, tuple[float, float]] = {}

    def take(self, key: str, cost: float, now_s: float) -> float:
        """Take `cost` out of a key's bucket; 0.0 if it was there, else the seconds until it will be.

        `now_s` is a monotonic clock's. A cost above the burst is taken as the burst, or nobody could ever have it.
        """
        cost = min(cost, self._burst)
        level, at = self._young.get(key) or self._old.get(key) or (self._burst, now_s)
        level = min(self._burst, level + (now_s - at) * self._rate)
        wait = 0.0 if level >= cost else (cost - level) / self._rate
        if len(self._young) >= self._most_keys and key not in self._young:
            self._old, self._young = self._young, {}
        self._young[key] = (level if wait else level - cost, now_s)
        return wait
