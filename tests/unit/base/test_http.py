"""Asking a process of ours for a page."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from stream.base import http


@asynccontextmanager
async def _server(answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_page_comes_with_its_status() -> None:
    async with _server(b"HTTP/1.1 503 Unavailable\r\nContent-Type: text/plain\r\n\r\n" + "起动中".encode()) as port:
        assert await http.get("127.0.0.1", port, "/readyz") == (503, "起动中".encode())


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"x" * 200_000])
async def test_what_is_not_http_is_no_answer(answer: bytes) -> None:
    async with _server(answer) as port:
        assert await http.get("127.0.0.1", port, "/") == (0, b"")


async def test_nobody_there_is_no_answer() -> None:
    async with _server(b"") as port:
        pass
    assert await http.get("127.0.0.1", port, "/", timeout_s=0.5) == (0, b"")


async def test_a_page_without_end_is_cut() -> None:
    async with _server(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (http.MAX_BYTES + 100_000)) as port:
        answer = await http.get("127.0.0.1", port, "/", timeout_s=30)
    assert (answer.status, len(answer.body)) == (200, http.MAX_BYTES)
