"""The HTTP server: Granian's engine in this process, calling us directly from its one Python thread.

Granian's own scheduler hands each request to the event loop, which costs as much again as the whole answer: 56,000
against 94,000 redirects a second on two cores (2026-11, an empty handler). A redirect waits for nothing, so it needs
no loop. What this assumes of Granian's inside is held by tests/contract/test_granian.py; its version is pinned.

What is enforced where:

- connections at once: `max_connections` here; more wait in the listen queue, unaccepted.
- time: a connection has HEADER_TIMEOUT_MS to send the headers of each request, its first and the next, so one that
  sends slowly, or nothing, is closed; nothing else of a request is waited for.
- size: request line and headers have BUFFER_BYTES together and 100 headers (431), in the engine; path and query have
  the handler's limits (414). Bodies are never read.
- HTTP/1.1 only: TLS, HTTP/2 and the rest belong to the proxy in front.

Of the engine's two threads one reads and writes connections, the other calls us. The first runs as a batch: woken by an
answer, it does not interrupt what runs on its core, which mostly is the second one at the next answer, so that several
go out together. At full load a redirect then takes 25.9 us of processor of all processes instead of 27.9, and 8 % more
are answered a second; with a machine's cores all busy and two clients the median came down from 76 to 63 us, and the
99th percentile went up from 4.6 to 7.2 ms (2026-11, medians of 8 alternating rounds, a busy machine).
"""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from granian import _granian
from granian.http import HTTP1Settings

from stream.base import log

HEADER_TIMEOUT_MS: Final = 10_000
BUFFER_BYTES: Final = 16 * 1024
_BACKLOG: Final = 2048
_engine: Any = _granian  # its stub tells of an older version
_log = log.get(__name__)

Handle = Callable[[Any, Any], None]
"""Answers one request: RSGI scope and protocol. Called from one thread, never twice at once."""


class Server:
    """Answers requests from `start` until `stop`."""

    def __init__(
        self,
        handle: Handle,
        listening: socket.socket,
        *,
        max_connections: int,
        header_timeout_ms: int = HEADER_TIMEOUT_MS,
    ) -> None:
        self._answer, self._socket = handle, listening
        self._handle: Handle = self._answer_first
        self._max_connections, self._header_timeout_ms = max_connections, header_timeout_ms
        self._signal = _engine.WorkerSignal()
        self._stopped: asyncio.Future[None] | None = None
        self._told = False

    def start(self) -> None:
        """Begin to accept connections; the socket belongs to the engine from here on."""
        loop = asyncio.get_running_loop()
        self._stopped = loop.create_future()
        self._signal.add_cb(lambda: loop.call_soon_threadsafe(self._note_stopped))
        # Where Granian's own scheduler puts a request into an event loop, ours answers it.
        scheduler = _engine.CallbackScheduler(loop, self._call, None, None, None)
        scheduler._schedule_fn = self._call  # noqa: SLF001 - the attribute the engine calls
        worker = _engine.RSGIWorker(
            1,
            (None, _engine.SocketHolder(self._socket.detach(), uds=False, backlog=_BACKLOG)),
            None,
            threads=1,
            blocking_threads=1,
            py_threads=1,
            backpressure=self._max_connections,
            http_mode="1",
            http1_opts=HTTP1Settings(header_read_timeout=self._header_timeout_ms, max_buffer_size=BUFFER_BYTES),
        )
        with _as_batch():
            worker.serve_mtr(scheduler, loop, self._signal)

    async def stop(self, timeout_seconds: float) -> bool:
        """Accept no more, close idle connections, finish answers under way; whether all ended in time."""
        assert self._stopped is not None
        if not self._told:
            self._told = True
            self._signal.set()  # a third time would block
        try:
            await asyncio.wait_for(asyncio.shield(self._stopped), timeout_seconds)
        except TimeoutError:
            return False
        return True

    def _note_stopped(self) -> None:
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)

    def _answer_first(self, scope: Any, protocol: Any) -> None:
        """The first request: only here can the thread that answers be reached."""
        _set_policy(batch=False)
        self._handle = self._answer
        self._answer(scope, protocol)

    def _call(self, watcher: Any) -> None:
        try:
            self._handle(watcher.scope, watcher.proto)
        except Exception as error:  # noqa: BLE001 - one bad request must not end the thread that answers
            _log.exception("request failed")
            watcher.err(error)


@contextlib.contextmanager
def _as_batch() -> Iterator[None]:
    """Threads that are started here run as a batch."""
    _set_policy(batch=True)
    try:
        yield
    finally:
        _set_policy(batch=False)


def _set_policy(*, batch: bool) -> None:
    """Have this thread, and those it starts, run as a batch or as usual, unless the system or the operator objects."""
    if sys.platform == "linux":
        before, after = (os.SCHED_OTHER, os.SCHED_BATCH) if batch else (os.SCHED_BATCH, os.SCHED_OTHER)
        with contextlib.suppress(OSError):  # containers may forbid it
            if os.sched_getscheduler(0) == before:
                os.sched_setscheduler(0, after, os.sched_param(0))
