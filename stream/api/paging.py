"""Pages of the registry: ids in order, kept sorted per snapshot."""

import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any, Final

from stream.registry.snapshot import Snapshot

_SORT_SHARE: Final = 0.1
"""Sorting a million codes takes about a second; while they change all the time, no more than this share goes into it,
and a list may lack the newest."""
_CHEAP_SECONDS: Final = 0.02
"""What takes less is done whenever it is due: about twenty thousand ids."""


class Order:
    """The ids of one kind of things, sorted once for as long as they stay the same. Thread-safe."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._parts: tuple[Mapping[str, Any], ...] = ()
        self._ids: list[str] = []
        self._fresh_until = 0.0

    def after(self, snapshot: Snapshot, last: str, limit: int) -> list[str]:
        """Up to `limit` ids that follow `last`."""
        with self._lock:
            parts = _parts(snapshot, self._kind)
            same = len(parts) == len(self._parts) and all(map(_is, parts, self._parts))
            began = time.monotonic()
            if not same and began >= self._fresh_until:
                self._ids = sorted(_keys(parts))
                self._parts = parts
                ended = time.monotonic()
                spent = ended - began
                self._fresh_until = ended + spent / _SORT_SHARE if spent > _CHEAP_SECONDS else 0.0
            begin = bisect_right(self._ids, last)
            return self._ids[begin : begin + limit]


def _parts(snapshot: Snapshot, kind: str) -> tuple[Mapping[str, Any], ...]:
    """What the snapshot keeps things of a kind in; a part that did not change is the same object in the next one."""
    match kind:
        case "store":
            return (snapshot.stores,)
        case "guide":
            return (snapshot.guides,)
        case "campaign":
            return (snapshot.campaigns,)
        case _:
            return snapshot.shards


def _keys(parts: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return chain.from_iterable(parts)


def _is(one: object, other: object) -> bool:
    return one is other
