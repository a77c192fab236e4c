"""The HTTP side: reads requests, lets the engine's threads run them, answers as a ClickHouse server does."""

import asyncio
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

from stream.base import log
from stream.embedded.warehouse import protocol, sql
from stream.embedded.warehouse.engine import Engine, Stats
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.protocol import Call
from stream.embedded.warehouse.users import Role, Users

MAX_URI: Final = 1024 * 1024
MAX_FIELD: Final = 128 * 1024
MAX_BODY: Final = 512 * 1024 * 1024

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    body: bytes
    format: str
    stats: Stats


class Warehouse:
    """Serves one engine."""

    def __init__(self, engine: Engine, users: Users, threads: int) -> None:
        self._engine = engine
        self._users = users
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="engine")

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if request.path in ("/ping", "/replicas_status"):
            return web.Response(text="Ok.\n")
        if request.headers.get("Expect", "").lower() == "100-continue" and request._protocol.writer is not None:
            await request._protocol.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        headers = {name.lower(): value for name, value in request.headers.items()}
        query_id = ""
        try:
            call = protocol.read(request.method, request.path, request.query_string, headers)
            query_id = call.query_id or str(uuid.uuid4())
            role = self._users.authenticate(call.user, call.password)
            body = await _body(request)
            if not call.query and not body:
                return web.Response(text="Ok.\n")
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._run, call, role, body)
        except EngineError as error:
            return self._failed(error, query_id)
        out = self._headers(query_id)
        out["X-ClickHouse-Summary"] = _summary(answer.stats)
        if answer.format:
            out["X-ClickHouse-Format"] = answer.format
        return web.Response(body=answer.body, headers=out)

    def _run(self, call: Call, role: Role, body: bytes) -> Answer:
        text = call.query + b"\n" + body if call.query and body else call.query or body
        statement = sql.parse(text)
        if statement.touches_files:
            raise EngineError(344, "SUPPORT_IS_DISABLED", "INTO OUTFILE and FROM INFILE are not allowed over HTTP")
        connection = self._engine.connect(role)
        try:
            if call.database:
                connection.use(call.database)
            readonly = {"readonly": "2"} if role is Role.BI or call.method == "GET" else {}
            connection.apply({"implicit_select": "0"} | dict(call.settings) | readonly)
            if statement.data is not None:
                stats = connection.insert(statement.text.decode(), statement.format, statement.data)
                return Answer(b"", "", stats)
            fmt = call.default_format or "TabSeparated"
            result, stats = connection.query(statement.text.decode(), fmt, call.parameters)
        finally:
            connection.close()
        if statement.verb in (b"CREATE", b"DROP", b"RENAME", b"ATTACH", b"DETACH"):
            self._engine.refresh_grants()
        return Answer(result, (statement.format or fmt) if statement.answers else "", stats)

    def _failed(self, error: EngineError, query_id: str) -> web.Response:
        headers = self._headers(query_id)
        headers["X-ClickHouse-Exception-Code"] = str(error.code)
        if error.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
        return web.Response(text=error.text(self._engine.version), status=error.status, headers=headers)

    def _headers(self, query_id: str) -> dict[str, str]:
        return {
            "X-ClickHouse-Server-Display-Name": "guidestream",
            "X-ClickHouse-Query-Id": query_id,
            "X-ClickHouse-Timezone": self._engine.timezone,
        }

    def close(self) -> None:
        """Wait for what runs, then close the engine."""
        self._threads.shutdown()
        self._engine.close()


async def _body(request: web.BaseRequest) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := await request.content.readany():
        size += len(chunk)
        if size > MAX_BODY:
            raise EngineError(229, "QUERY_IS_TOO_LARGE", f"the request's body is larger than {MAX_BODY} bytes")
        parts.append(chunk)
    body = b"".join(parts)
    encoding = request.headers.get("Content-Encoding", "")
    return _decoded(body, encoding) if encoding and encoding != "identity" else body


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "gzip":
        return zlib.decompress(body, 31)
    if encoding == "deflate":
        return zlib.decompress(body)
    if encoding == "lz4":
        import lz4.frame

        return bytes(lz4.frame.decompress(body))
    if encoding == "zstd":
        from backports import zstd

        return zstd.decompress(body)
    raise EngineError(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Encoding {encoding!r} is not supported")


def _summary(stats: Stats) -> str:
    fields = (
        "read_rows", "read_bytes", "written_rows", "written_bytes", "result_rows", "result_bytes", "elapsed_ns",
    )  # fmt: skip
    return orjson.dumps({name: str(getattr(stats, name)) for name in fields} | {"total_rows_to_read": "0"}).decode()
