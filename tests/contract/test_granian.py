"""What `stream.edge.server` assumes of Granian's inside; a new version of it must pass this before it is pinned."""

import asyncio
import http.client
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import pytest

from stream.base.errors import SettingsError
from stream.base.listening import listen
from stream.edge.server import BUFFER_BYTES, Handle, Server


@asynccontextmanager
async def serving(
    handle: Handle, *, max_connections: int = 100, header_timeout_ms: int = 10_000
) -> AsyncIterator[tuple[Server, int]]:
    listening = listen("127.0.0.1", 0)
    port = listening.getsockname()[1]
    server = Server(handle, listening, max_connections=max_connections, header_timeout_ms=header_timeout_ms)
    server.start()
    try:
        yield server, port
    finally:
        await server.stop(10)


def ok(scope: Any, protocol: Any) -> None:
    protocol.response_bytes(200, [("x-path", scope.path)], b"body")


def ask(port: int, data: bytes) -> bytes:
    """Send bytes; all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(data)
        found = b""
        while chunk := connection.recv(65536):
            found += chunk
    return found


def threads() -> list[int]:
    """Those of this process."""
    return [int(path.name) for path in Path("/proc/self/task").iterdir()]


Ask = Callable[[bytes], Coroutine[Any, Any, bytes]]


def asking(port: int) -> Ask:
    return lambda data: asyncio.to_thread(ask, port, data)


async def test_a_request_is_handed_over_as_it_was_sent() -> None:
    seen: list[Any] = []

    def handle(scope: Any, protocol: Any) -> None:
        headers = scope.headers
        seen.extend((scope.method, scope.path, scope.query_string, scope.client.rpartition(":")[0]))
        seen.extend((headers.get("x-one"), headers.get_all("x-two"), headers.get("x-none", "-")))
        seen.extend((headers.get("x-utf8", "-"), "x-utf8" in headers, "x-none" in headers))
        protocol.response_empty(302, [("location", "https://a.example/"), ("x-a", "1")])

    async with serving(handle) as (_, port):
        found = await asking(port)(
            b"GET /%E7%9F%AD%0d?a=%0d&b HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nX-Two: a\r\nX-Two: b\r\nX-Utf8: \xe7\x9f\xad"
            b"\r\nConnection: close\r\n\r\n"
        )
    assert seen == ["GET", "/短\r", "a=%0d&b", "127.0.0.1", "1", ["a", "b"], "-", "-", True, False]
    assert found.startswith(b"HTTP/1.1 302 Found\r\n")
    assert b"location: https://a.example/\r\n" in found
    assert b"content-length: 0\r\n" in found


async def test_requests_come_from_one_thread_that_is_not_the_loops() -> None:
    threads: set[int] = set()

    def handle(scope: Any, protocol: Any) -> None:
        threads.add(threading.get_ident())
        ok(scope, protocol)

    async with serving(handle) as (_, port):
        request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        await asyncio.gather(*(asking(port)(request) for _ in range(20)))
    assert len(threads) == 1
    assert threads != {threading.get_ident()}


async def test_a_request_that_fails_is_a_500_and_the_next_one_is_answered() -> None:
    def handle(scope: Any, protocol: Any) -> None:
        if scope.path == "/bad":
            raise RuntimeError("on purpose")
        ok(scope, protocol)

    async with serving(handle) as (_, port):
        bad = await asking(port)(b"GET /bad HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        good = await asking(port)(b"GET /good HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert bad.startswith(b"HTTP/1.1 500 ")
    assert good.startswith(b"HTTP/1.1 200 ")


async def test_an_answer_to_head_has_no_body() -> None:
    async with serving(ok) as (_, port):
        found = await asking(port)(b"HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert found.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 4\r\n" in found
    assert found.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("status", "request_bytes"),
    [
        (b"431", b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * BUFFER_BYTES + b"\r\n\r\n"),
        (b"431", b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: 1\r\n" * 101 + b"\r\n"),
        (b"431", b"GET /" + b"a" * BUFFER_BYTES + b" HTTP/1.1\r\nHost: h\r\n\r\n"),
        (b"400", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\nHost: h\r\nX: \x00\r\n\r\n"),
        (b"400", b"GET / HTTP/1.1\r\n bad\r\n\r\n"),
    ],
)
async def test_what_is_too_large_or_no_http_is_refused_before_it_reaches_us(
    status: bytes, request_bytes: bytes
) -> None:
    seen: list[str] = []
    async with serving(lambda scope, _: seen.append(scope.path)) as (_, port):
        found = await asking(port)(request_bytes)
    assert found.startswith(b"HTTP/1.1 " + status)
    assert seen == []


async def test_more_connections_than_allowed_wait_until_one_ends() -> None:
    async with serving(ok, max_connections=2) as (_, port):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        for reader, writer in held:
            writer.write(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        waiting = asyncio.create_task(asking(port)(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"))
        done, _ = await asyncio.wait([waiting], timeout=0.3)
        assert not done
        held[0][1].close()
        assert (await waiting).startswith(b"HTTP/1.1 200")
        held[1][1].close()


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HTTP/1.1\r\nHost:", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"], ids=["nothing", "half", "one"]
)
async def test_a_connection_that_sends_nothing_more_is_closed(sent: bytes) -> None:
    async with serving(ok, header_timeout_ms=200) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        await asyncio.wait_for(reader.read(), 20)
        writer.close()


async def test_a_connection_that_drips_is_closed_all_the_same() -> None:
    async with serving(ok, header_timeout_ms=300) as (_, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        ended = asyncio.create_task(reader.read())
        writer.write(b"GET / HTTP/1.1\r\nX: ")
        with suppress(ConnectionError):
            for _ in range(2000):
                writer.write(b"a")
                await asyncio.sleep(0.01)
                if ended.done():
                    break
            assert ended.done()
            await ended
        writer.close()


async def test_stopping_finishes_answers_closes_idle_connections_and_refuses_new_ones() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(scope: Any, protocol: Any) -> None:
        begun.set()
        go_on.wait(10)
        ok(scope, protocol)

    async with serving(lambda s, p: slow(s, p) if s.path == "/slow" else ok(s, p)) as (server, port):
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        await asyncio.to_thread(idle.request, "GET", "/")
        assert (await asyncio.to_thread(idle.getresponse)).read() == b"body"
        under_way = asyncio.create_task(asking(port)(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n"))
        await asyncio.to_thread(begun.wait, 10)
        stopping = asyncio.create_task(server.stop(10))
        await asyncio.to_thread(idle.sock.recv, 1)
        assert not stopping.done()
        go_on.set()
        assert (await under_way).startswith(b"HTTP/1.1 200")
        assert await stopping
        with closing(socket.socket()) as refused:
            assert refused.connect_ex(("127.0.0.1", port)) != 0
        idle.close()


async def test_stopping_does_not_wait_for_ever() -> None:
    async with serving(ok) as (server, port):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        assert not await server.stop(0.1)
        writer.close()


def test_a_port_that_is_taken_is_named() -> None:
    taken = listen("127.0.0.1", 0)
    taken.listen()
    port = taken.getsockname()[1]
    with pytest.raises(SettingsError, match=str(port)):
        listen("127.0.0.1", port)
    taken.close()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems know no such policy")
async def test_the_thread_of_connections_runs_as_a_batch_and_the_one_that_answers_as_usual() -> None:
    answering: list[int] = []

    def handle(scope: Any, protocol: Any) -> None:
        answering.append(threading.get_native_id())
        ok(scope, protocol)

    async with serving(handle) as (_, port):
        for _ in range(2):
            await asking(port)(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        assert os.sched_getscheduler(0) == os.SCHED_OTHER
        assert [os.sched_getscheduler(thread) for thread in answering] == [os.SCHED_OTHER] * 2
        assert os.SCHED_BATCH in map(os.sched_getscheduler, threads())
