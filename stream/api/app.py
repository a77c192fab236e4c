"""The HTTP API as an ASGI application, put together from its parts.

`schemas/openapi.yaml` is its document; a test holds the two together.
"""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream.api import (
    collect,
    event_document,
    events,
    health,
    measure,
    models,
    problems,
    registry,
    snippet,
    webhooks,
    wecom,
)
from stream.api.bodies import Bodies
from stream.api.keys import ApiKeys
from stream.api.limits import Buckets
from stream.api.ports import Ports, Registry
from stream.base.clock import Clock
from stream.base.settings import Settings
from stream.intake import Intake

_PARTS: Final = (health, registry, events, collect, snippet, webhooks, wecom)
"""Each has `install(app, ports)`."""


def ports(settings: Settings, registry: Registry, intake: Intake, clock: Clock) -> Ports:
    """The doors of one API process."""
    api = settings.api
    bodies = Bodies(held_bytes=api.held_bytes, timeout_ms=api.body_ms)
    # A request of the largest size must get through.
    quotas = Buckets(per_second=api.events_per_second, burst=max(api.events_per_second, api.max_events))
    return Ports(settings, registry, intake, clock, ApiKeys(registry), bodies, quotas)


def create_app(ports: Ports) -> FastAPI:
    """The application."""
    app = FastAPI(
        title="guidestream",
        version="1",
        description="Hand in what happens after a tap (点击之后的事件); read guides, links, stores, campaigns.",
        # The pages that show the document load scripts from elsewhere; the document itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    app.add_middleware(_Headers)
    for part in _PARTS:
        part.install(app, ports)
    measure.install(app)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


class _Headers:
    """Answers are not kept or guessed at, unless a part says otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Cache-Control", "no-store")
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, sending)


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        # Named by reference only: no route's own types say so.
        document["components"]["schemas"] |= {
            "Problem": models.Problem.model_json_schema(),
            "Event": event_document.event_schema(),
        }
        app.openapi_schema = document
    return app.openapi_schema
