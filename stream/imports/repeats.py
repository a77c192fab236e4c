"""Which ids the rows of a file have made so far, and of what: rows that repeat one may say something else."""

from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Any, Final

import orjson

from stream.imports.rows import Rows
from stream.mapping import Event, SharedId, Table

CAPACITY: Final = 150_000
_DIGEST: Final = (1 << 60) - 1
"""A digest is the interpreter's own keyed hash. Of 60 bits it takes 32 bytes, of more 48."""


class Repeats:
    """Remembers at least the last CAPACITY ids and at most twice as many, about 110 bytes each.

    What is further back is not compared: a row that repeats its id counts as repeated, whatever it says, and one that
    shares its id is taken for the first that does. Two generations bound it: a full young one becomes the old one.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def tell_apart(self, event: Event, rest: Callable[[], Hashable]) -> None:
        """Number an event whose id is shared by rows that differ; `rest`: what of its row is not in the event.

        The first keeps the id, the second gets `:2`. Which of them is which makes no difference, so another file of
        the same rows in another order makes the same events.
        """
        shared = event["event_id"]
        if type(shared) is not SharedId:
            return
        row = hash((shared, rest()))
        number = self._get(row)
        if number is None:
            count = hash((shared,))
            number = (self._get(count) or 0) + 1
            self._set(count, number)
            self._set(row, number)
        event["event_id"] = f"{shared}:{number}" if number > 1 else str(shared)

    def contradicts(self, event: Event) -> bool:
        """Whether an event before this one has its id and says something else; the event is remembered."""
        key, content = hash(event["event_id"]), hash(orjson.dumps(event)) & _DIGEST
        known = self._get(key)
        if known is None:
            self._set(key, content)
        return known is not None and known != content

    def _get(self, key: int) -> int | None:
        key &= _DIGEST
        return self._young.get(key) or self._old.get(key)

    def _set(self, key: int, value: int) -> None:
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}
        self._young[key & _DIGEST] = value


def rest_of(rows: Rows) -> Callable[[Any], Hashable]:
    """What of a row does not get into its events, to tell rows apart: cells of columns that the mapping does not read.

    Of a JSON object it is all of it.
    """
    shape = rows.shape
    if rows.columns is None or not isinstance(shape, Table):
        return lambda payload: orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    unused = [index for index in range(len(rows.columns)) if index not in shape.used]
    return itemgetter(*unused) if unused else lambda _: None
