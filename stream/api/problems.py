"""Every error of the API is a problem document (RFC 9457), whoever raised it."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match

from stream.api.models import Problem
from stream.base import log
from stream.base.errors import GuidestreamError, InputError, SpoolFullError

MEDIA_TYPE: Final = "application/problem+json"
_RETRY_SECONDS: Final = "1"
_log = log.get(__name__)


def responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {int(status): {"description": status.phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    app.add_exception_handler(GuidestreamError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, GuidestreamError)
    match error:
        case InputError():
            detail = error.detail
        case SpoolFullError():  # its own words name a path of this machine
            detail = "there is no room for events at the moment; send the same request again later"
        case _:
            detail = str(error)
    answer = _answer(error.http_status, detail, field=error.field if isinstance(error, InputError) else "")
    if error.retryable:
        answer.headers["Retry-After"] = _RETRY_SECONDS
    return answer


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, str(first["msg"]), field=str(first["loc"][-1]))


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    answer = _answer(error.status_code, str(error.detail))
    answer.headers.update(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        answer.headers["Allow"] = ", ".join(sorted(_methods(request)))
    return answer


def _methods(request: Request) -> set[str]:
    """All that the path is served with; the router names only those of the first route that has it."""
    return {
        method
        for route in request.app.routes
        if route.matches(request.scope)[0] is Match.PARTIAL
        for method in route.methods
    }


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    _log.error("request failed", path=request.url.path, exc_info=error)
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "an error of ours; the log has it")


def _answer(status: int, detail: str, *, field: str = "") -> JSONResponse:
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, field=field)
    return JSONResponse(problem.model_dump(), status_code=status, media_type=MEDIA_TYPE)
