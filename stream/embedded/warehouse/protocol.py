"""What a request of the ClickHouse HTTP interface asks for, read from its URL and headers. Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from stream.embedded.warehouse.failure import EngineError

MAX_FIELDS: Final = 1_000
"""Parameters of one URL; a server allows a million, no client sends a thousand."""
MAX_ID: Final = 256
"""Characters of a query id; it comes back in a header."""

# Parameters of the interface itself; every other one is a setting of the engine.
_OWN: Final = frozenset(
    {
        "query", "database", "user", "password", "default_format", "session_id", "session_timeout", "session_check",
        "close_session", "query_id", "quota_key", "compress", "decompress", "wait_end_of_query", "buffer_size",
        "stacktrace", "role", "client_protocol_version", "enable_http_compression", "http_zlib_compression_level",
        "add_http_cors_header", "send_progress_in_http_headers", "http_headers_progress_interval_ms", "log_comment",
    }
)  # fmt: skip
_TRUE: Final = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, without its body."""

    method: str
    user: str
    password: str
    anonymous: bool
    """It names neither user nor password."""
    query: bytes
    """The part of the statement that stands in the URL."""
    database: str
    default_format: str
    query_id: str
    session_id: str
    session_timeout: str
    session_check: bool
    close_session: bool
    wait_end: bool
    """The answer begins when the query has ended."""
    native_answer: bool
    """The answer is in ClickHouse's own compressed blocks."""
    native_body: bool
    """The body is in ClickHouse's own compressed blocks."""
    http_compression: bool | None
    """Whether the answer may have a content coding; None where the request does not say."""
    compression_level: int
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    """Values of `{name:Type}` in the statement."""


def parameters(query_string: str) -> dict[str, str]:
    """The parameters of a URL.

    Raises:
        EngineError: they are not valid UTF-8, or too many.
    """
    try:
        pairs = parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise EngineError(36, "BAD_ARGUMENTS", f"the URL's parameters cannot be read: {error}") from error
    return dict(pairs)


def read(method: str, fields: Mapping[str, str], headers: Mapping[str, str]) -> Call:
    """Read a request.

    Args:
        method: GET, POST or HEAD.
        fields: parameters of its URL; the fields of a multipart body count like them.
        headers: names in lower case.

    Raises:
        EngineError: it cannot be understood.
    """
    user, password = _credentials(fields, headers)
    query_id = fields.get("query_id", "")
    if len(query_id) > MAX_ID or not query_id.isprintable():
        raise EngineError(36, "BAD_ARGUMENTS", f"query_id: use at most {MAX_ID} printable characters")
    if fields.get("role"):
        raise EngineError(511, "UNKNOWN_ROLE", f"There is no role `{fields['role'][:64]}`")
    return Call(
        method=method,
        user=user or "default",
        password=password,
        anonymous=not user and not password,
        query=fields.get("query", "").encode(),
        database=fields.get("database") or headers.get("x-clickhouse-database", ""),
        default_format=fields.get("default_format") or headers.get("x-clickhouse-format", ""),
        query_id=query_id,
        session_id=fields.get("session_id", ""),
        session_timeout=fields.get("session_timeout", ""),
        session_check=_flag(fields, "session_check"),
        close_session=_flag(fields, "close_session"),
        wait_end=_flag(fields, "wait_end_of_query"),
        native_answer=_flag(fields, "compress"),
        native_body=_flag(fields, "decompress"),
        http_compression=_flag(fields, "enable_http_compression") if "enable_http_compression" in fields else None,
        compression_level=_level(fields.get("http_zlib_compression_level", "3")),
        settings={name: value for name, value in fields.items() if name not in _OWN and not name.startswith("param_")},
        parameters={name.removeprefix("param_"): value for name, value in fields.items() if name.startswith("param_")},
    )


def _flag(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "").lower() in _TRUE


def _level(text: str) -> int:
    return min(max(int(text), 1), 9) if text.isascii() and text.isdigit() else 3


def _credentials(fields: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    """User and password from `X-ClickHouse-User/Key`, else Basic, else the URL."""
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise EngineError(516, "AUTHENTICATION_FAILED", "Invalid authentication: malformed Basic header") from error
        return user, password
    if scheme:
        raise EngineError(516, "AUTHENTICATION_FAILED", f"Invalid authentication: scheme {scheme[:32]!r}, use Basic")
    return fields.get("user", ""), fields.get("password", "")
