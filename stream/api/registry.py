"""The registry to read: pages of guides, links, stores and campaigns, and each of them alone."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, Path, Query
from pydantic import BaseModel

from schemas.registry import MAX_CODE, MAX_ID, Link, Thing, encode_record
from stream.api import keys, models, problems
from stream.api.paging import Order
from stream.api.ports import Ports
from stream.base.errors import NotFoundError
from stream.registry.snapshot import Snapshot

MAX_PAGE: Final = 500

Cursor = Annotated[
    str, Query(max_length=MAX_ID, pattern=r"^[A-Za-z0-9_.@-]*$", description="`next` of the page before")
]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="things on a page")]
Id = Annotated[str, Path(alias="id", min_length=1, max_length=MAX_ID, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.@-]*$")]
Code = Annotated[str, Path(alias="code", min_length=1, max_length=MAX_CODE, pattern=r"^[A-Za-z0-9_-]+$")]


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


def install(app: FastAPI, ports: Ports) -> None:
    """Add the routes."""
    for kind in _KINDS:
        _add(app, kind, ports)


def _add(app: FastAPI, kind: _Kind, ports: Ports) -> None:
    order = Order(kind.name)
    path = f"/v1/{kind.name}s"
    public_url = ports.settings.edge.public_url
    statuses = (*keys.STATUSES, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE)
    needs_key = [ports.api_keys.needs("registry:read")]

    # Not async: a page of links decodes each of them, which is a thread's work and not the event loop's.
    @app.get(
        path,
        tags=["registry"],
        operation_id=f"list_{kind.name}s",
        summary=f"A page of {kind.name}s",
        response_model=kind.page,
        responses=problems.responses(*statuses),
        dependencies=needs_key,
    )
    def page(cursor: Cursor = "", limit: Limit = 100) -> dict[str, Any]:
        snapshot = ports.registry.snapshot
        ids = order.after(snapshot, cursor, limit + 1)
        found = (kind.find(snapshot, id_) for id_ in ids[:limit])
        return {
            "items": [_body(thing, public_url) for thing in found if thing is not None],
            "next": ids[limit - 1] if len(ids) > limit else "",
        }

    def one(key: str) -> dict[str, Any]:
        thing = kind.find(ports.registry.snapshot, key)
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
        responses=problems.responses(*statuses, HTTPStatus.NOT_FOUND),
        dependencies=needs_key,
    )(one)


def _body(thing: Thing, public_url: str) -> dict[str, Any]:
    """The thing as its record has it; fields that the record leaves out are filled by the model."""
    _, value = encode_record(thing)
    assert value is not None
    body: dict[str, Any] = orjson.loads(value)
    if isinstance(thing, Link):
        body["short_url"] = f"{public_url}/{thing.code}"
    return body
