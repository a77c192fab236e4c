"""The API on Granian, in this process's event loop, on a socket that was bound before.

Granian makes its own sockets and tells nobody their port; tests/integration/test_api.py holds what this assumes
of its inside.
"""

import asyncio
import socket
from contextlib import suppress
from typing import Any, Final

from granian import _granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server as Embedded

_HEADER_TIMEOUT_MS: Final = 10_000
_BUFFER_BYTES: Final = 16 * 1024
"""Request line and headers together; a longer request is refused by the engine."""
_BACKLOG: Final = 1024
_engine: Any = _granian  # its stub tells of an older version


class Server(Embedded):
    """Serves an ASGI application without lifespan; `serve` until `stop`."""

    def __init__(self, app: Any, listening: socket.socket, *, max_connections: int) -> None:
        super().__init__(
            app,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADER_TIMEOUT_MS, max_buffer_size=_BUFFER_BYTES),
            websockets=False,
            backpressure=max_connections,
            log_enabled=False,
        )
        self._listening = listening

    def _init_shared_socket(self) -> None:
        self._ssp = None
        self._shd = _engine.SocketHolder(self._listening.detach(), uds=False, backlog=_BACKLOG)

    async def run(self, until: asyncio.Event, *, stop_seconds: float) -> None:
        """Serve until the event is set, then finish what is under way; what takes longer is cut off by our end."""
        serving = asyncio.create_task(self.serve())
        stopping = asyncio.create_task(until.wait())
        await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        self.stop()  # type: ignore[no-untyped-call]  # it has no annotations
        with suppress(TimeoutError):
            await asyncio.wait_for(serving, stop_seconds)
