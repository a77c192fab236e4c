"""Ask a process of ours for a page: health, metrics. Plain HTTP, no redirects, bounded in time and size."""

import asyncio
from typing import Final, NamedTuple

MAX_BYTES: Final = 32 * 1024 * 1024
"""A page of metrics with gauges for thousands of guides is some MiB."""


class Answer(NamedTuple):
    """Status 0: nobody answered (in time, or in HTTP)."""

    status: int
    body: bytes


async def get(host: str, port: int, path: str, *, timeout_s: float = 2.0) -> Answer:
    """GET a page; never raises for what the peer does or does not do."""
    try:
        async with asyncio.timeout(timeout_s):
            head, body = await _exchange(host, port, path)
        return Answer(int(head.split(maxsplit=2)[1]), body)
    except (OSError, ValueError, IndexError, EOFError, asyncio.LimitOverrunError):
        return Answer(0, b"")


async def _exchange(host: str, port: int, path: str) -> tuple[bytes, bytes]:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        # HTTP/1.0: the answer ends with the connection, and is never chunked.
        writer.write(f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nAccept: */*\r\n\r\n".encode("ascii"))
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1."):
            raise ValueError("not HTTP")
        parts: list[bytes] = []
        left = MAX_BYTES
        while left > 0 and (part := await reader.read(min(left, 65_536))):
            parts.append(part)
            left -= len(part)
        return head, b"".join(parts)
    finally:
        writer.close()
