"""`GET /snippet.js`: what landing pages load; `snippet.js` beside this file is its readable form."""

import hashlib
import re
from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Request, Response

from stream.api.ports import Ports

_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
_SPACES: Final = re.compile(r"\s*([=!<>+&|^*?:,;{}()\[\]-]+)\s*|\n\s*")
_HEADERS: Final = {
    # Pages load it on every visit; a new release is everywhere within the hour.
    "Cache-Control": "public, max-age=3600",
    # So that `integrity` and `crossorigin` may stand on the tag, and pages that isolate themselves may load it.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def install(app: FastAPI, _: Ports) -> None:
    """Add the route."""
    body = served(files("stream.api").joinpath("snippet.js").read_text(encoding="utf-8"))
    headers = {**_HEADERS, "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"'}

    @app.get(
        "/snippet.js",
        tags=["landing pages"],
        operation_id="snippet",
        summary="The script for landing pages",
        response_class=Response,
        responses={
            200: {"description": "The script", "content": {"text/javascript": {"schema": {"type": "string"}}}},
            304: {"description": "It is what the browser has"},
        },
    )
    async def snippet(request: Request) -> Response:
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if known & {headers["ETag"], "*"}:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="text/javascript", headers=headers)


def served(source: str) -> bytes:
    """The script without comments, line breaks and spaces beside operators; its strings and patterns have none."""
    return _SPACES.sub(r"\1", _COMMENT.sub("", source)).strip().encode()
