"""From the spool to a publisher, in order; what is acknowledged goes into the cursor and off the disk.

The rule for sending again: whatever lies between `acked` and `begun` of the cursor when a shipper starts may be in
Kafka already and is sent **marked**; nothing else is. So a pump never goes on after an unknown outcome: it raises, its
process ends and another one starts from the cursor.

What is sent again goes to the partition where its original is, if there is one: behind it, so that a worker that comes
to the copy has the original's row. Hence all between `acked` and `begun` is placed by one partition count, which the
cursor keeps; a new count is used once all that was placed by the old one is acknowledged, for what was never sent.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from stream.base.errors import UnavailableError
from stream.spool import cursor, segments
from stream.spool.bell import Bell
from stream.spool.cursor import Cursor, CursorFile
from stream.spool.frame import Record
from stream.spool.reader import WINDOW_BYTES, Chunk, Reader
from stream.spool.segments import Position

_GATHER_SECONDS: Final = 0.03
"""How long events gather for the next request, unless a whole window waits already; also how often acknowledgements
are looked for. At 5,000 events a second, with no pause while the flow does not stop, shipping took 7.8 % of a core and
an event 14 ms to a consumer; with 20 ms it is 6.5 % and 15 ms, with 30 ms 4.6 % and 21 ms. At 30,000 a second it was
4.6 us an event and is 3.9 with 30 ms (2026-11, two cores, not alone). What a full window leaves behind waits for more,
as a broker pays by the request: 1.9 us an event instead of 2.4 at 45,000 a second, with batches of 512 KiB before."""
_LOOK_SECONDS: Final = 1.0
"""An empty spool is looked at this often even if the bell does not ring."""
_SAVE_SECONDS: Final = 0.2
_CHUNKS_IN_FLIGHT: Final = 2
"""One on the wire, one waiting for it: about 2 MiB of memory, whatever the spool holds."""
_RESERVE_BYTES: Final = 4 * 1024 * 1024
"""How far `begun` runs ahead, so that it need not be made durable before every request."""


class Publisher(Protocol):
    """Where records go."""

    @property
    def partitions(self) -> int:
        """How many partitions the topic has now."""

    async def send(self, records: list[Record], *, partitions: int, retransmitted: bool) -> Awaitable[object]:
        """Take records over, in order per key; the awaitable ends when all are acknowledged, or raises.

        `partitions`: the count by which they are placed.
        """


@dataclass(slots=True)
class Counts:
    """Events and bytes since the process started."""

    shipped: int = 0
    retransmitted: int = 0
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class _Flight:
    end: Position
    count: int
    ack: "asyncio.Future[object]"
    deadline: float


class Pump:
    """One run from the cursor on. `send_seconds`: an acknowledgement that takes longer is an unknown outcome."""

    def __init__(self, directory: Path, file: CursorFile, publisher: Publisher, *, send_seconds: float) -> None:
        self._directory, self._file, self._publisher, self._send_seconds = directory, file, publisher, send_seconds
        self.counts = Counts()
        self._bell = Bell(directory)
        self._draining = False
        self._acked, self._partitions = file.cursor.acked, file.cursor.partitions
        self._begun = self._marked = min(file.cursor.begun, _end(directory))  # nothing appended from now on was sent
        self._reader = Reader(directory, self._acked)
        self._flights: deque[_Flight] = deque()
        self._saved_at = 0.0
        self._deleted = -1

    async def run(self) -> None:
        """Ship until cancelled or, when draining, until nothing is left.

        Raises:
            UnavailableError: the outcome of what was sent is unknown; this pump is done.
            OSError: the spool cannot be read, or its cursor not written.
        """
        armed = False
        while True:
            chunk = self._reader.read(stop=self._marked)
            self.counts.damaged += chunk.damaged
            if chunk.records:
                await self._send(chunk)
            self._settle()
            if not self._flights:
                self._acked = self._reader.position
            self._save(force=False)
            if chunk.records:
                armed = False
                if self._reader.behind < WINDOW_BYTES and not self._draining:
                    await asyncio.sleep(_GATHER_SECONDS)
            elif self._flights:
                await asyncio.sleep(_GATHER_SECONDS)
            elif self._draining:
                return
            elif not armed:
                self._bell.arm()
                armed = True
            else:
                armed = False
                saved = self._acked == self._file.cursor.acked
                if await self._bell.wait(_LOOK_SECONDS if saved else _SAVE_SECONDS):
                    await asyncio.sleep(_GATHER_SECONDS)

    def drain(self) -> None:
        """End the run once nothing waits."""
        self._draining = True
        self._bell.ring()

    async def close(self, grace_seconds: float) -> None:
        """Wait a little for what is under way, then leave a cursor that says exactly what was sent."""
        if self._flights:
            await asyncio.wait([flight.ack for flight in self._flights], timeout=grace_seconds)
        while self._flights and _succeeded(self._flights[0].ack):
            self._landed()
        self._begun = max(self._acked, self._reader.position, self._marked)
        self._save(force=True)
        self._reader.close()
        self._bell.close()

    async def _send(self, chunk: Chunk) -> None:
        marked = chunk.start < self._marked
        try:
            async with asyncio.timeout(self._send_seconds):
                await self._landed_but(_CHUNKS_IN_FLIGHT - 1)
                await self._place(marked=marked)
                if chunk.end > self._begun:
                    self._begun = self._ahead(chunk.end)
                    self._save(force=True)
                sent = await self._publisher.send(chunk.records, partitions=self._partitions, retransmitted=marked)
        except TimeoutError as error:
            raise UnavailableError(f"Kafka took nothing for {self._send_seconds:g} s") from error
        ack = asyncio.ensure_future(sent)
        ack.add_done_callback(_succeeded)  # looks at the exception of one that nobody waits for any more
        self._flights.append(_Flight(chunk.end, len(chunk.records), ack, time.monotonic() + self._send_seconds))
        self.counts.retransmitted += len(chunk.records) if marked else 0

    async def _place(self, *, marked: bool) -> None:
        """Have the partition count in force by which the next chunk is placed."""
        there = self._publisher.partitions
        if marked and self._partitions:
            if there < self._partitions:
                raise UnavailableError(
                    f"the topic has {there} partitions, events that may be in it were placed by {self._partitions}: "
                    "either a broker is behind, then this passes; or the topic was made anew, then remove the file "
                    f"{self._directory / cursor.NAME} while the edge is stopped"
                )
        elif there != self._partitions:
            await self._landed_but(0)
            self._partitions = there
            for _ in range(2):  # into both slots, so that the loss of one does not bring the old count back
                self._save(force=True)

    async def _landed_but(self, count: int) -> None:
        """Wait until at most `count` chunks are under way."""
        while len(self._flights) > count:
            await asyncio.wait([self._flights[0].ack])
            self._settle()

    def _settle(self) -> None:
        """Take in the acknowledgements that came."""
        while self._flights and self._flights[0].ack.done():
            error = self._flights[0].ack.exception()
            if error is not None:
                raise UnavailableError(f"Kafka did not take a batch: {error!r}") from error
            self._landed()
        if self._flights and time.monotonic() > self._flights[0].deadline:
            raise UnavailableError(f"Kafka did not answer for {self._send_seconds:g} s")

    def _landed(self) -> None:
        flight = self._flights.popleft()
        self._acked = flight.end
        self.counts.shipped += flight.count

    def _save(self, *, force: bool) -> None:
        """Make the cursor durable, now and then or by `force`; then delete what it has passed."""
        now = time.monotonic()
        due = now - self._saved_at >= _SAVE_SECONDS and self._acked != self._file.cursor.acked
        if not (force or due):
            return
        self._saved_at = now
        if not force:
            self._begun = max(self._begun, self._ahead(self._reader.position))
        self._file.save(Cursor(self._acked, self._begun, self._partitions))
        if self._acked.segment != self._deleted:
            for number in segments.numbers(self._directory):
                if number < self._acked.segment:
                    segments.path(self._directory, number).unlink(missing_ok=True)
            self._deleted = self._acked.segment

    def _ahead(self, position: Position) -> Position:
        return Position(position.segment, position.offset + _RESERVE_BYTES)


def _end(directory: Path) -> Position:
    sizes = segments.sizes(directory)
    return Position(max(sizes), sizes[max(sizes)]) if sizes else Position(0, 0)


def _succeeded(ack: "asyncio.Future[object]") -> bool:
    return ack.done() and not ack.cancelled() and ack.exception() is None
