"""The HTTP side: reads requests, has the engine's threads run them, answers as a ClickHouse server does."""

import asyncio
import contextlib
import functools
import secrets
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Final, TypeVar

import orjson
from aiohttp import web

from stream.base import log
from stream.embedded.warehouse import codec, external, formats, protocol
from stream.embedded.warehouse.body import Body, read_form
from stream.embedded.warehouse.connection import Stats
from stream.embedded.warehouse.engine import Engine
from stream.embedded.warehouse.execution import MAX_QUERY, Execution, Wanted
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.lease import Lease
from stream.embedded.warehouse.protocol import Call
from stream.embedded.warehouse.sessions import Sessions
from stream.embedded.warehouse.users import Role, Users

BI_DEADLINE_S: Final = 150.0
"""A dashboard's query ends after this whatever it sets; max_execution_time (120 s) ends most before."""
SEND_TIMEOUT_S: Final = 60.0
"""A client that takes nothing of its answer for this long is gone."""
BODY_PIECE: Final = 4 * 1024 * 1024
"""Data of an INSERT go to the engine in pieces of about this size; a smaller request takes one turn of a thread."""
DISPLAY_NAME: Final = "guidestream"

_log = log.get(__name__)

if TYPE_CHECKING:
    from stream.embedded.warehouse.external import ExternalTable

_PONG: Final = "Ok.\n"
_NOWHERE: Final = (
    "There is no handle {path}\n\nUse / or /ping for health checks, and POST / or GET /?query= for queries.\n"
)
_SUMMARY: Final = (
    "read_rows", "read_bytes", "written_rows", "written_bytes", "result_rows", "result_bytes", "elapsed_ns",
)  # fmt: skip
_T = TypeVar("_T")


class Warehouse:
    """Serves one engine."""

    def __init__(self, engine: Engine, users: Users, threads: int, clock: Callable[[], float]) -> None:
        """`threads` requests, 2 or more, are served at once; `clock` gives seconds that never go back."""
        self._engine = engine
        self._users = users
        self._sessions = Sessions(clock)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="engine")
        self._killer = ThreadPoolExecutor(1, thread_name_prefix="killer")
        self._turns = asyncio.Semaphore(threads)
        # Dashboards may ask for minutes on end; the writer gives an insert up that waits for half a one.
        self._shares: dict[Role, AbstractAsyncContextManager[None]] = {
            Role.BI: asyncio.Semaphore(threads // 2),
            Role.WRITER: contextlib.nullcontext(),
        }
        self._running: set[str] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        return _simple(request) or await self._queried(request)

    async def _queried(self, request: web.BaseRequest) -> web.StreamResponse:
        query_id, native = "", False
        try:
            fields = protocol.parameters(request.query_string)
            call = protocol.read(request.method, fields, _headers(request))
            query_id = call.query_id or str(uuid.uuid4())
            role = self._users.authenticate(call.user, call.password, anonymous=call.anonymous)
            native = call.native_answer
            await _invite(request)
            async with self._shares[role], self._turns, asyncio.timeout(BI_DEADLINE_S if role is Role.BI else None):
                with self._only(query_id):
                    return await self._serve(request, call, role, query_id)
        except EngineError as error:
            return self._failed(error, query_id, native=native)
        except TimeoutError:
            return self._failed(EngineError(159, "TIMEOUT_EXCEEDED", "Timeout exceeded"), query_id, native=native)
        except ConnectionError:
            raise  # the client is gone
        except Exception as error:  # noqa: BLE001 - the request fails, not the process; the log has the traceback
            _log.exception("request failed", query_id=query_id)
            return self._failed(
                EngineError(1002, "UNKNOWN_EXCEPTION", f"{type(error).__name__}; see the log"), query_id
            )

    def expire_sessions(self) -> None:
        """Drop idle sessions; to be called now and then."""
        self._sessions.expire()

    def close(self) -> None:
        """Wait for what runs, then close the engine."""
        self._pool.shutdown()
        self._killer.shutdown()
        self._sessions.close()
        self._engine.close()

    @contextlib.contextmanager
    def _only(self, query_id: str) -> Iterator[None]:
        if query_id in self._running:
            raise EngineError(
                216, "QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING", f"Query with id = {query_id[:64]} is already running"
            )
        self._running.add(query_id)
        try:
            yield
        finally:
            self._running.discard(query_id)

    async def _serve(self, request: web.BaseRequest, call: Call, role: Role, query_id: str) -> web.StreamResponse:
        tables: Sequence[ExternalTable] = ()
        body: Body | None = None
        if request.content_type == "multipart/form-data":
            form = await read_form(request)
            fields = {**form.fields, **protocol.parameters(request.query_string)}
            tables, fields = external.read(form.files, fields)
            call = protocol.read(request.method, fields, _headers(request))
        else:
            coding = request.headers.get("Content-Encoding", "")
            body = Body(request, codec.decoder(coding, native=call.native_body))
        coding = self._answer_coding(request, call)
        lease = Lease(self._engine, self._sessions, call, role, query_id, tables)
        execution = Execution(self._engine, lease, coding)
        try:
            await self._execute(execution, call, body)
            return await self._answer(request, execution, coding)
        finally:
            if execution.open:
                await asyncio.shield(asyncio.wrap_future(self._pool.submit(execution.close)))

    async def _execute(self, execution: Execution, call: Call, body: Body | None) -> None:
        """Bring the statement to where it has an answer."""
        text, whole = b"", True
        if body is not None:
            text, whole = await body.read(BODY_PIECE), body.ended
        if call.query:
            text = call.query + b"\n" + text if text else call.query
        wanted = await self._in_thread(execution, lambda: execution.begin(text, whole=whole))
        if wanted is Wanted.NOTHING or body is None:
            return
        if wanted is Wanted.TEXT:
            text += await body.read(MAX_QUERY - len(text))
            if not body.ended:
                raise EngineError(229, "QUERY_IS_TOO_LARGE", f"a statement of more than {MAX_QUERY} bytes")
            await self._in_thread(execution, lambda: execution.begin(text, whole=True))
            return
        while not body.ended:
            data = await body.read(BODY_PIECE)
            await self._in_thread(execution, functools.partial(execution.feed, data))
        await self._in_thread(execution, execution.finish)

    async def _answer(self, request: web.BaseRequest, execution: Execution, coding: str) -> web.StreamResponse:
        answer = execution.answer
        headers = self._common_headers(execution.query_id)
        headers["X-ClickHouse-Summary"] = _summary(answer.stats)
        if answer.format:
            headers["X-ClickHouse-Format"] = answer.format
            headers["Content-Type"] = formats.media_type(answer.format)
            if coding:
                headers["Content-Encoding"] = coding
        if answer.rest is None:
            return web.Response(body=answer.body, headers=headers)
        tag = secrets.token_hex(8)
        headers["X-ClickHouse-Exception-Tag"] = tag
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        piece = answer.body
        try:
            while piece:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await response.write(piece)
                piece = await self._in_thread(execution, execution.more)
        except BaseException as error:
            if isinstance(error, EngineError):
                await response.write(execution.last(_exception_block(tag, error.text(self._engine.version))))
            # The body stays without its end, so that no client takes it for complete.
            if request.transport is not None:
                request.transport.close()
            if not isinstance(error, EngineError | TimeoutError):
                raise
        return response

    async def _in_thread(self, execution: Execution, step: Callable[[], _T]) -> _T:
        """Run a step of a statement; when the client goes away meanwhile, stop the statement."""
        future = asyncio.wrap_future(self._pool.submit(step))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            while not future.done():
                # A killed INSERT might leave half of its rows: it is allowed to end.
                if not execution.inserting:
                    await asyncio.wrap_future(self._killer.submit(self._engine.kill, execution.query_id))
                await asyncio.wait([future], timeout=0.2)
            with contextlib.suppress(EngineError):
                future.result()
            raise

    def _answer_coding(self, request: web.BaseRequest, call: Call) -> str:
        wanted = self._engine.compresses if call.http_compression is None else call.http_compression
        if not wanted or call.native_answer:
            return ""
        return codec.choose(request.headers.get("Accept-Encoding", ""))

    def _failed(self, error: EngineError, query_id: str, *, native: bool = False) -> web.Response:
        """The answer to what failed; `native`: in compressed blocks, as a server words it once it knows the caller."""
        headers = self._common_headers(query_id)
        headers["X-ClickHouse-Exception-Code"] = str(error.code)
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        text = error.text(self._engine.version)
        if native:
            encoder = codec.NativeEncoder()
            body = encoder.feed(text.encode()) + encoder.end()
            return web.Response(body=body, status=error.status, headers=headers)
        return web.Response(text=text, status=error.status, headers=headers)

    def _common_headers(self, query_id: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
            "X-ClickHouse-Query-Id": query_id,  # `protocol` lets printable ones through only
            "X-ClickHouse-Timezone": self._engine.timezone,
        }


def _simple(request: web.BaseRequest) -> web.Response | None:
    """The answer to what is no query: health checks, unknown paths."""
    if request.path in ("/ping", "/replicas_status"):
        return web.Response(text=_PONG)
    if request.path not in ("/", "/query") or request.method not in ("GET", "HEAD", "POST"):
        return web.Response(status=404, text=_NOWHERE.format(path=request.path))
    if request.method != "POST" and not request.query_string:
        return web.Response(text=_PONG)
    return None


def _headers(request: web.BaseRequest) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


async def _invite(request: web.BaseRequest) -> None:
    """Tell a client that asked before it sends its body (curl does from 1 MiB on) to send it."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def _summary(stats: Stats) -> str:
    return orjson.dumps({name: str(getattr(stats, name)) for name in _SUMMARY} | {"total_rows_to_read": "0"}).decode()


def _exception_block(tag: str, message: str) -> bytes:
    """How a server says, inside a body that has begun, that the query failed."""
    text = message.encode()
    return b"\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n" % (tag.encode(), text, len(text), tag.encode())
