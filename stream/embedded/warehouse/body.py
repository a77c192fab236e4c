"""Bodies of requests, read as they come in, decoded, bounded."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Final

from aiohttp import BodyPartReader, web

from stream.embedded.warehouse.codec import Decoder
from stream.embedded.warehouse.failure import EngineError

RECEIVE_TIMEOUT_S: Final = 60.0
"""A client that sends nothing for this long is gone."""
MAX_FORM: Final = 256 * 1024 * 1024
"""Of a multipart request: external tables are kept in memory."""


@dataclass(slots=True)
class Form:
    """A multipart body."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)


class Body:
    """What a request brings after its headers."""

    def __init__(self, request: web.BaseRequest, decoder: Decoder) -> None:
        self._chunks = _chunks(request, decoder)
        self.ended = False

    async def read(self, wanted: int) -> bytes:
        """At least so many bytes of its content, unless it ends before; then `ended` is set.

        Raises:
            EngineError: it is damaged, or stopped coming in.
        """
        parts: list[bytes] = []
        size = 0
        while size < wanted:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                self.ended = True
                break
            parts.append(chunk)
            size += len(chunk)
        return b"".join(parts)


async def _chunks(request: web.BaseRequest, decoder: Decoder) -> AsyncIterator[bytes]:
    while True:
        try:
            async with asyncio.timeout(RECEIVE_TIMEOUT_S):
                raw = await request.content.readany()
        except TimeoutError as error:
            raise EngineError(209, "SOCKET_TIMEOUT", "Timeout exceeded while reading the request") from error
        if not raw:
            break
        pieces: Iterator[bytes] = decoder.feed(raw)
        for piece in pieces:
            yield piece
    decoder.end()


async def read_form(request: web.BaseRequest) -> Form:
    """Read a multipart body whole: parts with a file name are files, the others are fields.

    Raises:
        EngineError: it cannot be read, or is too large.
    """
    form, size = Form(), 0
    try:
        async with asyncio.timeout(RECEIVE_TIMEOUT_S):
            async for part in await request.multipart():
                if not isinstance(part, BodyPartReader) or not part.name:
                    raise EngineError(36, "BAD_ARGUMENTS", "a part of the multipart body has no name")
                data = bytearray()
                while chunk := await part.read_chunk(64 * 1024):
                    data += chunk
                    size += len(chunk)
                    if size > MAX_FORM:
                        raise EngineError(229, "QUERY_IS_TOO_LARGE", f"a multipart body of more than {MAX_FORM} bytes")
                if part.filename is not None:
                    form.files[part.name] = bytes(data)
                else:
                    form.fields[part.name] = data.decode("utf-8", "replace")
    except (ValueError, TimeoutError) as error:
        raise EngineError(36, "BAD_ARGUMENTS", f"the multipart body cannot be read: {error}") from error
    return form
