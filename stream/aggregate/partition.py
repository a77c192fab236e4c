"""One assignment of one Kafka partition: which windows are open, what is to be written, what may be committed.

Pure: the caller moves what is returned, and says when it is done. Clicks and conversions share it: what a row counts is
the row's own business. The rules, in the words of the design:

- Arrival is the broker's clock: one time T, never going back. A window is closed once it ended more than the grace
  before T; a closed window never comes back to memory.
- Rows are absolute: "all events of this key up to offset `version`". The highest version wins, whoever wrote it.
- An event of a closed window marks it; marked windows are counted again from raw rows, outside.
- A batch is done, and may be committed, when its raw rows are in (before `apply`), the windows it touched are written
  and its marks are worked off.

The life of a batch: tallied, raw rows in -> `apply` -> `begin_flush` .. `end_flush`, and beside it `begin_recount` ..
`end_recount` -> `settle`. One flush and one recount may be under way at a time, batches may be applied meanwhile.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Generic, Protocol

from typing_extensions import TypeVar

from schemas.windows import WINDOW_MS, WindowRow
from stream.aggregate.rows import OpenRow

Key = tuple[Any, ...]
"""What no other row of a window has."""
NEVER: Final = -(1 << 62)
"""Before any arrival: no window is closed."""


class Counted(Protocol):
    """What a partition asks of a row of an open window."""

    window_start: int
    key: Key
    dirty: bool
    """Whether it changed since it was last taken for a flush; a new row did."""
    flushed: Any
    """The row as it was last taken for a flush; None before."""

    @property
    def events(self) -> int:
        """How many events it counts."""

    def merge(self, later: Any, /) -> None:
        """Add a row of the same key whose events came after these."""

    def frozen(self) -> Any:
        """The row to be written."""


Row = TypeVar("Row", bound=Counted, default=OpenRow)
Frozen = TypeVar("Frozen", default=WindowRow)
"""What a row is when it is written."""


class Tallied(Protocol[Row]):
    """The rows of one batch."""

    windows: dict[int, dict[Key, Row]]


@dataclass(frozen=True, slots=True)
class Flush(Generic[Frozen]):
    """Rows to be written now. `end_flush` takes it back once they are in."""

    rows: list[Frozen]
    before: list[Frozen | None]
    """Each row as it was last flushed by this partition."""
    batch: int
    """The last batch that these rows hold."""
    closed_before: int


@dataclass(frozen=True, slots=True)
class Recovered(Generic[Row]):
    """What an assignment starts from, as raw rows and the committed offset tell."""

    reach: int = -1
    """R: the highest offset of this partition's raw rows, -1 for none."""
    committed: int = 0
    """C: the offset that the group committed."""
    arrival: int = NEVER
    """The highest append time of this partition's raw rows."""
    rows: Sequence[Row] = ()
    """The keys of all windows that are open at `arrival`, counted from raw rows up to `reach`."""
    touched: Iterable[int] = field(default=())
    """Starts of the windows of raw rows from `committed` to `reach`, open or closed."""


class Partition(Generic[Row, Frozen]):
    """The windows of one partition, from its assignment to its revocation."""

    def __init__(self, grace_ms: int, recovered: Recovered[Row]) -> None:
        self.grace_ms = grace_ms
        self.next = max(recovered.committed, recovered.reach + 1)
        """The offset that the next batch must start at."""
        self.arrival = NEVER
        """T, milliseconds since 1970 UTC by the broker's clock."""
        self.closed_before = NEVER
        """The start of the oldest window that is open: an event is late if its time lies before it."""
        self.advance(recovered.arrival)
        self.windows: dict[int, dict[Key, Row]] = {}
        self.late: dict[int, int] = {}
        """Marked windows, each with the first batch that marked it."""
        self._recounting: dict[int, int] = {}
        self._dirty: list[Row] = []
        self._batch = 0
        self._flushed = -1
        self._undone: deque[tuple[int, int]] = deque()
        """Batches that are not committed: (number, offset behind its last record)."""
        for row in recovered.rows:
            self.windows.setdefault(row.window_start, {})[row.key] = row
            self._dirty.append(row)
        if recovered.reach >= recovered.committed:
            # Windows that are open need no mark: their rows were just counted, and are written by the first flush.
            closed = (start for start in recovered.touched if start < self.closed_before)
            self.late = dict.fromkeys(closed, self._batch)
            self._undone.append((self._batch, recovered.reach + 1))

    @property
    def batch(self) -> int:
        """The number of the last batch that was applied; 0 is what was recovered."""
        return self._batch

    @property
    def open_rows(self) -> int:
        """Keys in memory."""
        return sum(map(len, self.windows.values()))

    @property
    def unwritten(self) -> bool:
        """Whether there is anything to flush, to recount or to commit."""
        return bool(self._dirty or self.late or self._recounting or self._undone)

    def advance(self, arrival_ms: int) -> None:
        """Move T on: to an append time, or to the wall clock when the partition is idle. It never goes back."""
        if arrival_ms > self.arrival:
            self.arrival = arrival_ms
            self.closed_before = (arrival_ms - self.grace_ms) // WINDOW_MS * WINDOW_MS

    def apply(self, tally: Tallied[Row], *, next_offset: int, arrival_ms: int) -> int:
        """Count a batch whose raw rows are in. Its events are judged by T as it was before the batch.

        Args:
            tally: the accepted events; its rows become this partition's, it must not be used again.
            next_offset: the offset behind the batch's last record, accepted or not.
            arrival_ms: the highest append time in the batch.

        Returns:
            How many events were late.
        """
        self._batch += 1
        late = 0
        for start, rows in tally.windows.items():
            if start < self.closed_before:
                self.late.setdefault(start, self._batch)
                late += sum(row.events for row in rows.values())
            elif start in self.windows:
                self._merge(self.windows[start], rows)
            else:
                self.windows[start] = rows
                self._dirty.extend(rows.values())
        self.next = next_offset
        self._undone.append((self._batch, next_offset))
        self.advance(arrival_ms)
        return late

    def _merge(self, mine: dict[Key, Row], rows: dict[Key, Row]) -> None:
        for key, row in rows.items():
            known = mine.get(key)
            if known is None:
                mine[key] = row
                self._dirty.append(row)
                continue
            known.merge(row)
            if not known.dirty:
                known.dirty = True
                self._dirty.append(known)

    def begin_flush(self) -> Flush[Frozen]:
        """The rows that changed since the last flush."""
        dirty, self._dirty = self._dirty, []
        before = [row.flushed for row in dirty]
        for row in dirty:
            row.dirty = False
            row.flushed = row.frozen()
        return Flush([row.flushed for row in dirty], before, self._batch, self.closed_before)

    def end_flush(self, flush: Flush[Frozen]) -> None:
        """The rows are in: forget windows that had closed when the flush began and did not change since."""
        self._flushed = flush.batch
        for start in [start for start in self.windows if start < flush.closed_before]:
            rows = self.windows[start]
            changed = {key: row for key, row in rows.items() if row.dirty}
            if changed:
                self.windows[start] = changed
            else:
                del self.windows[start]

    def begin_recount(self, limit: int) -> list[int]:
        """Starts of up to `limit` marked windows, those marked first, to be counted again from raw rows and written.

        A closed window that still lies in memory waits for the flush that forgets it, so that each row has one writer.
        """
        starts = list(islice((start for start in self.late if start not in self.windows), limit))
        self._recounting = {start: self.late.pop(start) for start in starts}
        return starts

    def end_recount(self) -> None:
        """What `begin_recount` returned was counted and written."""
        self._recounting = {}

    def settle(self) -> int | None:
        """The offset that may be committed now, if that moved on since the last call."""
        # A mark is as old as the first batch that set it; that batch and all later ones wait for it.
        oldest_mark = min((*self.late.values(), *self._recounting.values()), default=self._batch + 1)
        done = min(self._flushed, oldest_mark - 1)
        offset = None
        while self._undone and self._undone[0][0] <= done:
            offset = self._undone.popleft()[1]
        return offset
