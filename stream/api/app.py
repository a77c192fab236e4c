"""The HTTP API as an ASGI application: health, and the registry to read.

`schemas/openapi.yaml` is its document; a test holds the two together.
"""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final, Protocol

import orjson
from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from starlette.middleware.base import RequestResponseEndpoint

from schemas.registry import MAX_CODE, MAX_ID, Link, Thing, encode_record
from stream.api import models, problems
from stream.api.paging import Order
from stream.base.errors import NotFoundError, UnavailableError
from stream.registry.snapshot import Snapshot

MAX_PAGE: Final = 500

Cursor = Annotated[
    str, Query(max_length=MAX_ID, pattern=r"^[A-Za-z0-9_.@-]*$", description="`next` of the page before")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="things on a page")]
Id = Annotated[str, Path(alias="id", min_length=1, max_length=MAX_ID, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")]
Code = Annotated[str, Path(alias="code", min_length=1, max_length=MAX_CODE, pattern=r"^[A-Za-z0-9_-]+$")]


class Registry(Protocol):
    """The registry as the API needs it; `stream.registry.follower.Follower` is one."""

    @property
    def snapshot(self) -> Snapshot:
        """The registry in force."""

    @property
    def ready(self) -> bool:
        """Whether there is one."""


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    identity: str
    key: Any
    item: type[BaseModel]
    page: type[BaseModel]
    find: Callable[[Snapshot, str], Any]


_KINDS: Final = (
    _Kind("guide", "id", Id, models.Guide, models.GuidePage, Snapshot.guide),
    _Kind("link", "code", Code, models.Link, models.LinkPage, Snapshot.resolve),
    _Kind("store", "id", Id, models.Store, models.StorePage, Snapshot.store),
    _Kind("campaign", "id", Id, models.Campaign, models.CampaignPage, Snapshot.campaign),
)


def create_app(registry: Registry, *, public_url: str) -> FastAPI:
    """The application. `public_url` is what short links begin with."""
    app = FastAPI(
        title="guidestream",
        version="1",
        description="Registry of guides, links, stores and campaigns (导购、短链、门店、活动), to read.",
        # The pages that show the document load scripts from elsewhere; the document itself is at /openapi.json.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    problems.install(app)
    app.middleware("http")(_headers)
    _add_health(app, registry)
    for kind in _KINDS:
        _add_reading(app, kind, registry, public_url)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend it
    return app


def _add_health(app: FastAPI, registry: Registry) -> None:
    @app.get("/healthz", tags=["health"], operation_id="health")
    async def health() -> models.Health:
        """Whether the process lives."""
        return models.Health()

    @app.get(
        "/readyz", tags=["health"], operation_id="ready", responses=problems.responses(HTTPStatus.SERVICE_UNAVAILABLE)
    )
    async def ready() -> models.Health:
        """Whether it can answer: the registry was read."""
        _snapshot(registry)
        return models.Health()


def _add_reading(app: FastAPI, kind: _Kind, registry: Registry, public_url: str) -> None:
    order = Order(kind.name)
    path = f"/v1/{kind.name}s"

    # Not async: a page of links decodes each of them, which is a thread's work and not the event loop's.
    @app.get(
        path,
        tags=["registry"],
        operation_id=f"list_{kind.name}s",
        summary=f"A page of {kind.name}s",
        response_model=kind.page,
        responses=problems.responses(HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    )
    def page(cursor: Cursor = "", limit: Limit = 100) -> dict[str, Any]:
        snapshot = _snapshot(registry)
        ids = order.after(snapshot, cursor, limit + 1)
        found = (kind.find(snapshot, id_) for id_ in ids[:limit])
        return {
            "items": [_body(thing, public_url) for thing in found if thing is not None],
            "next": ids[limit - 1] if len(ids) > limit else "",
        }

    def one(key: str) -> dict[str, Any]:
        thing = kind.find(_snapshot(registry), key)
        if thing is None:
            raise NotFoundError(f"there is no {kind.name} {key!r}", field=kind.identity)
        return _body(thing, public_url)

    one.__annotations__["key"] = kind.key
    app.get(
        f"{path}/{{{kind.identity}}}",
        tags=["registry"],
        operation_id=f"get_{kind.name}",
        summary=f"One {kind.name}",
        response_model=kind.item,
        responses=problems.responses(
            HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE
        ),
    )(one)


def _snapshot(registry: Registry) -> Snapshot:
    if not registry.ready:
        raise UnavailableError("the registry was not read yet; try again in a moment")
    return registry.snapshot


def _body(thing: Thing, public_url: str) -> dict[str, Any]:
    """The thing as its record has it; fields that the record leaves out are filled by the model."""
    _, value = encode_record(thing)
    assert value is not None
    body: dict[str, Any] = orjson.loads(value)
    if isinstance(thing, Link):
        body["short_url"] = f"{public_url}/{thing.code}"
    return body


async def _headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
    response = await call_next(request)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
        )
        # Errors name it by reference: no route returns it.
        document["components"]["schemas"]["Problem"] = models.Problem.model_json_schema()
        app.openapi_schema = document
    return app.openapi_schema
