"""Which callbacks were taken in lately, in bounded memory. Pure."""

from typing import Final

REMEMBER_MS: Final = 11 * 60_000
"""A signature is believed from 5 minutes before its time until 5 minutes after it, by our clock."""
CAPACITY: Final = 50_000
"""Per corp, about 150 bytes each. When more come within the time the oldest go first: what is taken twice then still
has the same event id."""


class Seen:
    """Signatures with the time at which they may be forgotten."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._until: dict[str, int] = {}
        """In the order in which they came, which is about the order in which they end."""

    def has(self, signature: str, now_ms: int) -> bool:
        """Whether a callback with this signature was taken in."""
        return self._until.get(signature, 0) > now_ms

    def add(self, signature: str, now_ms: int) -> None:
        """Remember a callback that was taken in."""
        while self._until:
            oldest = next(iter(self._until))
            if self._until[oldest] > now_ms and len(self._until) < self._capacity:
                break
            del self._until[oldest]
        self._until[signature] = now_ms + REMEMBER_MS
