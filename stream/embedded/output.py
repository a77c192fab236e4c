"""One log of many processes: JSON lines pass as they are, other lines are made JSON; on a terminal all are readable."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final, TextIO

import orjson

MAX_LINE: Final = 64 * 1024
"""A longer line is cut into several, so that no child can fill our memory."""
_NAME_WIDTH: Final = 10
_LATER: Final = frozenset({"event", "msg", "process", "timestamp", "ts", "time", "level", "module"})
"""Fields that are shown in a place of their own, or not at all, on a terminal."""


class Output:
    """Writes whole lines to one stream, each with the name of its process."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._readable = stream.isatty()

    def write(self, name: str, line: bytes) -> None:
        """One line of a child, without its line end."""
        if not line.strip():
            return
        with suppress(OSError, ValueError):  # our reader is gone or the disk is full: the children work on
            self._stream.write(self._shown(name, line) + "\n")
            self._stream.flush()

    def _shown(self, name: str, line: bytes) -> str:
        fields = _fields(line)
        if self._readable:
            return f"{name:<{_NAME_WIDTH}}| {_for_people(fields, line)}"
        if fields is not None and "process" in fields:
            return line.decode("utf-8", "replace")
        return orjson.dumps({"process": name} | (fields or {"event": line.decode("utf-8", "replace")})).decode()


async def lines_of(descriptor: int) -> AsyncIterator[bytes]:
    """The lines that come out of a pipe, without their ends, each of at most `MAX_LINE` bytes; closes the pipe."""
    stream = asyncio.StreamReader(limit=MAX_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", buffering=0)
    )
    rest = b""
    try:
        while chunk := await stream.read(MAX_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                for start in range(0, len(line) or 1, MAX_LINE):
                    yield line[start : start + MAX_LINE]
            while len(rest) >= MAX_LINE:
                yield rest[:MAX_LINE]
                rest = rest[MAX_LINE:]
        if rest:
            yield rest
    finally:
        transport.close()


def _fields(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"{"):
        return None
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _for_people(fields: dict[str, Any] | None, line: bytes) -> str:
    if fields is None:
        return line.decode("utf-8", "replace")
    level = str(fields.get("level", "")).lower()
    event = str(fields.get("event", fields.get("msg", "")))
    more = " ".join(f"{key}={value}" for key, value in fields.items() if key not in _LATER)
    mark = "" if level in ("", "info", "debug") else f"{level.upper()} "
    return f"{mark}{event} {more}".rstrip()
