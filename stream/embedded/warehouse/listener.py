"""The listening side of the HTTP server: bounds on connections, headers and silence."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web

MAX_CONNECTIONS: Final = 1024
FIRST_REQUEST_S: Final = 30.0
"""A connection that has not sent a request within this is closed."""
KEEP_ALIVE_S: Final = 300.0
MAX_URI: Final = 1024 * 1024
"""As a server has it: whole queries travel in URLs."""
MAX_FIELD: Final = 128 * 1024
MAX_HEADERS: Final = 128


class BoundedServer(web.Server):
    """An HTTP server that refuses connections beyond a number, and drops those that stay silent."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        self._spoken: set[Any] = set()

        async def noted(request: web.BaseRequest) -> web.StreamResponse:
            self._spoken.add(request.protocol)
            return await handler(request)

        super().__init__(
            noted,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE_S,
            max_line_size=MAX_URI,
            max_field_size=MAX_FIELD,
            max_headers=MAX_HEADERS,
            read_bufsize=256 * 1024,
        )

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Count a connection."""
        super().connection_made(handler, transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
            return
        loop = asyncio.get_running_loop()
        loop.call_later(FIRST_REQUEST_S, self._drop_silent, handler, transport)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        """Forget a connection."""
        super().connection_lost(handler, exc)
        self._spoken.discard(handler)

    def _drop_silent(self, handler: Any, transport: asyncio.Transport) -> None:
        if handler not in self._spoken and not transport.is_closing():
            transport.abort()
