"""The sender: taps over real HTTP at a set rate, with a ledger of what was sent and what was answered.

Speaks HTTP/1.1 over kept-alive connections with one request under way on each: thousands of taps a second from one core
beside the system that is measured, for which a general client leaves no room.
"""

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from stream.embedded.demo.people import Tap
from stream.embedded.demo.quantiles import quantile

_TICK_S: Final = 0.005
_MOST_WAITING: Final = 20_000  # taps that found no free connection; beyond it they are given up, and counted
_KEPT_TIMES: Final = 500_000  # answer times kept for the quantiles: the newest
_ANSWER_TIMEOUT_S: Final = 30.0


@dataclass(slots=True)
class Ledger:
    """What the sender knows: the other side's numbers have to agree with it."""

    sent: int = 0
    answered: int = 0
    """Answers to taps on known codes: each of them must become one row."""
    unknown: int = 0
    """Answers to taps on codes that no link has: none of them may become a row."""
    unanswered: int = 0
    """Connection lost or timed out after the tap was sent: a row or none."""
    given_up: int = 0
    """Never sent: no connection was free for too long."""
    statuses: Counter[int] = field(default_factory=Counter)
    by_link: Counter[int] = field(default_factory=Counter)
    answer_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_TIMES))

    def quantile_ms(self, q: float) -> float | None:
        """Time from sending to the answer; None before the first answer."""
        return quantile(self.answer_ms, q, digits=3)


class _Connection(asyncio.Protocol):
    """One kept-alive connection; answers are short, so a buffer that is searched again costs nothing."""

    def __init__(self, sender: "Sender") -> None:
        self._sender = sender
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._tap: Tap | None = None
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sender.free(self)

    def send(self, tap: Tap) -> None:
        assert self._transport is not None
        self._tap = tap
        self._sent_at = time.perf_counter()
        self._transport.write(tap.method + b" " + tap.target + self._sender.request_tail + tap.headers + b"\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0 or self._tap is None:
            return
        head = self._buffer[:end]
        length = 0 if self._tap.method == b"HEAD" else _content_length(head)
        if len(self._buffer) < end + 4 + length:
            return
        self._buffer = self._buffer[end + 4 + length :]
        tap, self._tap = self._tap, None
        self._sender.answered(tap, head, time.perf_counter() - self._sent_at)
        if b"connection: close" not in head.lower():
            self._sender.free(self)

    def abort_if_stuck(self, now: float) -> None:
        if self._tap is not None and now - self._sent_at > _ANSWER_TIMEOUT_S and self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._sender.lost(self, self._tap)
        self._tap = None


class Sender:
    """Sends what `next_tap` gives at `rate` taps a second until `stop`; `ledger` may be read at any time."""

    def __init__(
        self, host: str, port: int, next_tap: Callable[[], Tap], *, rate: float, connections: int = 64
    ) -> None:
        self.ledger = Ledger()
        self.request_tail = f" HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/html\r\n".encode()
        self.on_answer: Callable[[Tap, bytes], None] | None = None
        """Called with each tap and the head of its answer; tests and probes listen here."""
        self._host, self._port, self._next_tap, self._rate = host, port, next_tap, rate
        self._most = connections
        self._free: deque[_Connection] = deque()
        self._open: set[_Connection] = set()
        self._waiting: deque[Tap] = deque()
        self._stopping = False
        self._idle, self._closed = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Send until `stop`; reconnects for ever, so an edge that is killed and comes back is found again."""
        loop = asyncio.get_running_loop()
        start, made, checked = loop.time(), 0, loop.time()
        while not self._stopping:
            await self._connect()
            due = int((loop.time() - start) * self._rate) - made
            for _ in range(min(due, self._most * 50)):
                self._waiting.append(self._next_tap())
                made += 1
            while self._waiting and self._free:
                self._dispatch(self._free.popleft(), self._waiting.popleft())
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.popleft()
                self.ledger.given_up += 1
            if loop.time() - checked > 1:
                checked = loop.time()
                for connection in self._open:
                    connection.abort_if_stuck(time.perf_counter())
            await asyncio.sleep(_TICK_S)

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Send nothing more, wait for the answers under way, close the connections."""
        self._stopping = True
        self.ledger.given_up += len(self._waiting)
        self._waiting.clear()
        self._settle()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        for connection in list(self._open):
            connection.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closed.wait(), 1)

    def _dispatch(self, connection: _Connection, tap: Tap) -> None:
        self.ledger.sent += 1
        connection.send(tap)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while len(self._open) < self._most:
            try:
                _, connection = await loop.create_connection(lambda: _Connection(self), self._host, self._port)
            except OSError:
                await asyncio.sleep(0.05)
                return
            self._open.add(connection)

    def free(self, connection: _Connection) -> None:
        """A connection has nothing under way: the oldest waiting tap takes it."""
        if self._waiting and not self._stopping:
            self._dispatch(connection, self._waiting.popleft())
        else:
            self._free.append(connection)
            self._settle()

    def answered(self, tap: Tap, head: bytes, seconds: float) -> None:
        """Enter an answer into the ledger."""
        ledger = self.ledger
        ledger.statuses[int(head[9:12])] += 1
        ledger.answer_ms.append(seconds * 1000)
        if tap.known:
            ledger.answered += 1
            ledger.by_link[tap.link] += 1
        else:
            ledger.unknown += 1
        if tap.person is not None and tap.person.takes_cookies and not tap.person.cookie:
            tap.person.cookie = _cookie(head)
        if self.on_answer is not None:
            self.on_answer(tap, head)

    def lost(self, connection: _Connection, tap: Tap | None) -> None:
        """A connection is gone, with or without a tap under way."""
        self._open.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if tap is not None:
            self.ledger.unanswered += 1
        self._settle()

    def _settle(self) -> None:
        if self._stopping and len(self._free) == len(self._open):
            self._idle.set()
            if not self._open:
                self._closed.set()


def header(head: bytes, name: bytes) -> bytes:
    """The value of a header of an answer's head, empty when it is not there; `name` in lower case."""
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _content_length(head: bytes) -> int:
    return int(header(head, b"content-length") or 0)


def _cookie(head: bytes) -> bytes:
    return header(head, b"set-cookie").partition(b";")[0]
