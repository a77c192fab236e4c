"""How many requests each route answers, with what class of status, and in what time."""

import time
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.base.metrics import API_REQUESTS, API_SECONDS

OTHER: Final = "other"
"""The label of requests that no route has: what stands in their path is anybody's."""
_CLASSES: Final = ("2xx", "3xx", "4xx", "5xx")
_ERROR: Final = 500
"""What an error that nobody caught is answered with, further out than this."""


def install(app: FastAPI) -> None:
    """Measure what `app` answers. Call it last: it looks at the routes, and what is added later lies around it."""
    # Series start at 0: a rule sees the first one of its kind only as a rise.
    for route in (OTHER, *(route.path for route in app.routes if isinstance(route, APIRoute))):
        API_SECONDS.labels(route)
        for status in _CLASSES:
            API_REQUESTS.labels(route, status)
    app.add_middleware(_Measured)


class _Measured:
    """Counts each request once, when its answer was handed to the server, or its error to the one who answers it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Exception:
            _count(scope, status or _ERROR, began)
            raise
        _count(scope, status, began)


def _count(scope: Scope, status: int, began: float) -> None:
    route = scope.get("route")
    path = route.path if isinstance(route, APIRoute) else OTHER
    API_REQUESTS.labels(path, f"{status // 100}xx").inc()
    API_SECONDS.labels(path).observe(time.perf_counter() - began)
