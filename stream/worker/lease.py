"""A worker that stood still longer than its session must not write: its partitions are with another by now.

A process that was frozen wakes up in the middle of whatever it did. Versions and distinct offsets keep the numbers
right even then; the lease keeps it from doubling rows at all. Worth having, no proof: it may freeze again right after.
"""

from time import monotonic

from stream.base.errors import InvariantError


class Lease:
    """Extended by every tick of the event loop; checked before every write."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._ticked_s = monotonic()

    def tick(self) -> None:
        """The event loop turns. Raises as `check` does, or else it would hide what it came too late for."""
        self.check()
        self._ticked_s = monotonic()

    def check(self) -> None:
        """Raises:
        InvariantError: the event loop stood still for longer than the session lasts.
        """
        stood_s = monotonic() - self._ticked_s
        if stood_s > self._limit_s:
            raise InvariantError(
                f"this process stood still for {stood_s:.1f} s, longer than its session of {self._limit_s:g} s: "
                "its partitions are with another worker, so it ends without writing"
            )
