"""`POST /v1/collect`: what landing pages tell, from any browser and without a key.

What opens it is a click token that the edge made: its MAC is checked at the door, and what it may say is little. The
id of an event is made here of its type, the token and the page's own id, so that nobody can use up the id of an order.
"""

import time
from collections.abc import Mapping
from http import HTTPStatus
from math import ceil
from typing import Annotated, Any, Final

import msgspec
from fastapi import FastAPI, HTTPException, Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.token import MalformedTokenError, Token, verify
from stream.api import bodies, collect_document, problems
from stream.api.limits import Buckets
from stream.api.ports import Ports
from stream.base.addresses import client_address
from stream.base.errors import InputError
from stream.base.token_keys import token_keys

PATH: Final = "/v1/collect"
MAX_BYTES: Final = 16 * 1024
_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "content-type",
    "Access-Control-Max-Age": "86400",
}
_MEDIA_TYPES: Final = ("text/plain", "application/json")
"""What `navigator.sendBeacon` sends; the first needs no preflight."""
_PREFIX_BURST_S: Final = 20
"""A network's bucket holds what it may have in so many seconds: visitors behind one address come together."""
_TOKEN_PER_SECOND: Final = 0.2
_TOKEN_BURST: Final = 30
"""One click: a visitor who looks at thirty pages at once is none."""
_STATUSES: Final = (*bodies.STATUSES, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS)


MAX_EVENTS: Final = 20
"""Of one request: what waited until the visitor agreed."""


class Said(msgspec.Struct):
    """One event as a page sends it; other fields are passed over."""

    type: collect_document.PageType
    event_id: collect_document.PageId
    token: str
    occurred_at: int = 0
    properties: dict[str, str | int | float | bool | None] = {}


_one: Final = msgspec.json.Decoder(Said)
_many: Final = msgspec.json.Decoder(Annotated[list[Said], msgspec.Meta(min_length=1, max_length=MAX_EVENTS)])


def install(app: FastAPI, ports: Ports) -> None:
    """Add the route."""
    keys = token_keys(ports.settings).by_id
    door = _Door(ports)
    app.add_middleware(_Cors)

    @app.options(PATH, include_in_schema=False)
    async def preflight() -> Response:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=_PREFLIGHT)

    @app.post(
        PATH,
        tags=["events"],
        operation_id="collect",
        summary="Hand in events of a landing page",
        description=collect_document.DESCRIPTION,
        status_code=HTTPStatus.NO_CONTENT,
        response_class=Response,
        responses=problems.responses(*_STATUSES),
        openapi_extra=collect_document.REQUEST_BODY,
    )
    async def collect(request: Request) -> Response:
        door.check_network(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() not in _MEDIA_TYPES:
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: send {' or '.join(_MEDIA_TYPES)}")
        async with ports.bodies.read(request, max_bytes=MAX_BYTES) as body:
            all_said = _read(body)
        # All of them are looked at before one is kept.
        events = [_event(said, _checked(said.token, keys).at_ms, ports.clock()) for said in all_said]
        for event in events:
            door.check_token(event["token"])
            outcome = ports.intake.take(event, source="collect")
            if outcome.status == "rejected":
                raise InputError(outcome.detail, field=outcome.field)
        return Response(status_code=HTTPStatus.NO_CONTENT)


class _Door:
    """The limits of those who come without a key."""

    def __init__(self, ports: Ports) -> None:
        api = ports.settings.api
        self._trusted_proxies = api.trusted_proxies
        per_second = api.collect_per_minute / 60
        self._networks = Buckets(per_second=per_second, burst=max(1, per_second * _PREFIX_BURST_S))
        self._tokens = Buckets(per_second=_TOKEN_PER_SECOND, burst=_TOKEN_BURST)
        self._all = Buckets(per_second=api.collect_per_second, burst=api.collect_per_second)

    def check_network(self, request: Request) -> None:
        """Raise 429 when too much comes from the caller's network, or from all together."""
        peer = request.client.host if request.client else ""
        forwarded = request.headers.getlist("x-forwarded-for")
        prefix = client_address(peer, forwarded, self._trusted_proxies).prefix
        # The network's own first: one that sends too much takes nothing from the others.
        _take(self._networks, prefix)
        _take(self._all, "")

    def check_token(self, token: str) -> None:
        """Raise 429 when too much comes with one click's token."""
        _take(self._tokens, token)


def _take(buckets: Buckets, key: str) -> None:
    wait = buckets.take(key, 1, time.monotonic())
    if wait:
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS, "too many events; try again later", headers={"Retry-After": str(ceil(wait))}
        )


def _checked(token: str, keys: Mapping[int, bytes]) -> Token:
    try:
        return verify(token, keys)
    except MalformedTokenError as error:
        raise InputError(str(error), field="token") from error


def _read(body: bytes) -> list[Said]:
    try:
        body.decode()
        return _many.decode(body) if body.lstrip()[:1] == b"[" else [_one.decode(body)]
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise InputError(message, field=path.strip(".`")) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {error}") from error


def _event(said: Said, clicked_ms: int, now_ms: int) -> dict[str, Any]:
    """The event. A visitor's clock may say anything: it happened after the click, and not later than now."""
    event = {
        "event_id": f"{said.type}:{said.token}:{said.event_id}",
        "type": said.type,
        "occurred_at": min(max(said.occurred_at, clicked_ms), now_ms),
        "token": said.token,
    }
    return event | ({"properties": said.properties} if said.properties else {})


class _Cors:
    """Pages of any origin may post here and read the answer, errors too; no cookie is looked at."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Access-Control-Allow-Origin"] = "*"
            await send(message)

        await self._app(scope, receive, sending if scope.get("path") == PATH else send)
