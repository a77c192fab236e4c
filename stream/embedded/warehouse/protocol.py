"""What a request of the ClickHouse HTTP interface asks for, read from its URL and headers. Pure."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from stream.embedded.warehouse.failure import EngineError

MAX_FIELDS: Final = 1_000
"""Parameters of one URL; a server of ClickHouse allows a million, no client sends a thousand."""

# Parameters of the interface itself; every other one is a setting of the engine.
_OWN: Final = frozenset(
    {
        "query", "database", "user", "password", "default_format", "session_id", "session_timeout", "session_check",
        "close_session", "query_id", "quota_key", "compress", "decompress", "wait_end_of_query", "buffer_size",
        "stacktrace", "role", "client_protocol_version", "enable_http_compression", "http_zlib_compression_level",
        "add_http_cors_header", "send_progress_in_http_headers", "http_headers_progress_interval_ms",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One request, without its body."""

    method: str
    path: str
    user: str
    password: str
    query: bytes
    """The part of the statement that stands in the URL."""
    database: str
    default_format: str
    query_id: str
    session_id: str
    session_timeout: str
    session_check: bool
    wait_end: bool
    """The answer begins when the query has ended."""
    compress: bool
    """The answer is in ClickHouse's own compressed blocks."""
    decompress: bool
    """The body is in ClickHouse's own compressed blocks."""
    http_compression: bool
    settings: Mapping[str, str]
    parameters: Mapping[str, str]
    """Values of `{name:Type}` in the statement."""


def read(method: str, path: str, query_string: str, headers: Mapping[str, str]) -> Call:
    """Read a request.

    Args:
        method: GET, POST, HEAD, ...
        path: before the question mark, decoded.
        query_string: after it, as sent.
        headers: names in lower case.

    Raises:
        EngineError: it cannot be understood.
    """
    try:
        fields = dict(parse_qsl(query_string, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS))
    except ValueError as error:
        raise EngineError(36, "BAD_ARGUMENTS", f"the URL's parameters cannot be read: {error}") from error
    user, password = _credentials(fields, headers)
    return Call(
        method=method,
        path=path,
        user=user,
        password=password,
        query=fields.get("query", "").encode(),
        database=fields.get("database") or headers.get("x-clickhouse-database", ""),
        default_format=fields.get("default_format") or headers.get("x-clickhouse-format", ""),
        query_id=fields.get("query_id", ""),
        session_id=fields.get("session_id", ""),
        session_timeout=fields.get("session_timeout", ""),
        session_check=_flag(fields, "session_check"),
        wait_end=_flag(fields, "wait_end_of_query"),
        compress=_flag(fields, "compress"),
        decompress=_flag(fields, "decompress"),
        http_compression=_flag(fields, "enable_http_compression"),
        settings={k: v for k, v in fields.items() if k not in _OWN and not k.startswith("param_")},
        parameters={k.removeprefix("param_"): v for k, v in fields.items() if k.startswith("param_")},
    )


def _flag(fields: Mapping[str, str], name: str) -> bool:
    return fields.get(name, "").lower() in ("1", "true", "yes", "on")


def _credentials(fields: Mapping[str, str], headers: Mapping[str, str]) -> tuple[str, str]:
    """User and password from `X-ClickHouse-User/Key`, else Basic, else the URL; `default` where there is none."""
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", "default"), headers.get("x-clickhouse-key", "")
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise EngineError(516, "AUTHENTICATION_FAILED", "Invalid authentication: malformed Basic header") from error
        return user, password
    if scheme:
        raise EngineError(516, "AUTHENTICATION_FAILED", f"Invalid authentication: '{scheme}' scheme is not supported")
    return fields.get("user", "default"), fields.get("password", "")
