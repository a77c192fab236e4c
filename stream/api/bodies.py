"""Reads request bodies: bounded in size, in time, and in what all requests together hold in memory."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Final

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from stream.base.errors import UnavailableError
from stream.base.settings_rules import STRANGERS_SHARE

STATUSES: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
"""What a route that reads a body may also answer."""
MAX_MEMBERS: Final = 100
"""Of a gzip file. One is usual, and who appends to files has some; what follows a member is copied for each of them, so
that hundreds of thousands of empty ones would take minutes."""
_GZIP: Final = 16 + zlib.MAX_WBITS
_Hold = Callable[[int], int]
"""Counts bytes as held by one request; returns how many it holds."""


class Bodies:
    """Every body of the process is read here, so that many large ones at once cannot take all memory.

    Authenticate a request before its body is read where that is possible.
    """

    def __init__(self, *, held_bytes: int, timeout_ms: int) -> None:
        self._all = _Store(held_bytes)
        self._strangers = _Store(held_bytes // STRANGERS_SHARE)
        self._timeout_ms = timeout_ms
        self._unpacking = asyncio.Lock()
        """One at a time, as what comes out is counted afterwards only."""

    @asynccontextmanager
    async def read(self, request: Request, *, max_bytes: int, known: bool = False) -> AsyncIterator[bytes]:
        """The whole body as it was sent, counted as held until this ends; `known`: who sends it was authenticated.

        Raises:
            HTTPException: 413, it is longer; 408, it takes longer than `api.body_ms`; 400, the client went away.
            UnavailableError: all bodies together hold too much; try again.
        """
        stores = (self._all,) if known else (self._all, self._strangers)
        with _account(stores) as hold:
            yield await self._whole(request, max_bytes, hold)

    @asynccontextmanager
    async def read_unpacked(self, request: Request, *, max_bytes: int, max_unpacked: int) -> AsyncIterator[bytes]:
        """The same of somebody known, without its Content-Encoding: none or gzip; 413 and 400 are about gzip, too.

        Raises:
            HTTPException: as `read`, and 415: another encoding.
            UnavailableError: all bodies together hold too much; try again.
        """
        encoding = request.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip"):
            raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Content-Encoding: send gzip, or leave it out")
        with _account((self._all,)) as hold:
            body = await self._whole(request, max_bytes, hold)
            if encoding not in ("", "identity"):
                async with self._unpacking:
                    body = await asyncio.to_thread(gunzip, body, max_unpacked)
                hold(len(body))
            yield body

    async def _whole(self, request: Request, max_bytes: int, hold: _Hold) -> bytes:
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > max_bytes:
            raise _too_large(f"the body has more than {max_bytes} bytes; send less at a time")
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(self._timeout_ms / 1000):
                async for chunk in request.stream():
                    if hold(len(chunk)) > max_bytes:
                        raise _too_large(f"the body has more than {max_bytes} bytes; send less at a time")
                    chunks.append(chunk)
        except TimeoutError as error:
            detail = f"the body did not come within {self._timeout_ms} ms"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, detail, headers={"Connection": "close"}) from error
        except ClientDisconnect as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the connection ended within the body") from error
        return b"".join(chunks)


class _Store:
    """Bytes that may be held at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0


@contextmanager
def _account(stores: Sequence[_Store]) -> Iterator[_Hold]:
    held = 0

    def hold(size: int) -> int:
        nonlocal held
        if any(store.held + size > store.limit for store in stores):
            raise UnavailableError("too many large requests at once; try again in a moment")
        for store in stores:
            store.held += size
        held += size
        return held

    try:
        yield hold
    finally:
        for store in stores:
            store.held -= held


def gunzip(body: bytes, max_bytes: int) -> bytes:
    """All members of a gzip file; no more than `max_bytes` of it are ever unpacked.

    Raises:
        HTTPException: 413, there is more, or it has more than `MAX_MEMBERS`; 400, it is no whole gzip file.
    """
    parts: list[bytes] = []
    left = max_bytes
    while body:
        if len(parts) == MAX_MEMBERS:
            raise _too_large(f"the body has more than {MAX_MEMBERS} gzip members; pack it as one")
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, left + 1)
        except zlib.error as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"the body is no gzip: {error}") from error
        left -= len(part)
        if left < 0:
            raise _too_large(f"unpacked, the body has more than {max_bytes} bytes; send less at a time")
        if not member.eof:
            raise HTTPException(HTTPStatus.BAD_REQUEST, "the body ends within its gzip data")
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)


def _too_large(detail: str) -> HTTPException:
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
