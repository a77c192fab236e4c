"""JSON within the text of a payload: some shops send the message as percent-encoded JSON in one field."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote_plus

import orjson

from schemas.rejects import Reject

MAX_DEPTH: Final = 32
"""Levels of nesting of a payload. Orders of shops have six or seven; what lies deeper is meant to exhaust a reader."""


def unpacker(path: str) -> Callable[[Any], Any]:
    """A function that gives a payload with the JSON at `path` in the place of its text."""
    names = path.split(".")

    def unpack(payload: Any) -> Any:
        return _replaced(payload, names, 0)

    return unpack


def depth_exceeds(value: Any, limit: int) -> bool:
    """Whether objects and lists nest deeper than `limit`; no recursion."""
    level: list[Any] = [value]
    for _ in range(limit):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer if isinstance(outer, list) else ())
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _replaced(payload: Any, names: list[str], at: int) -> Any:
    if at == len(names):
        return _parsed(payload, ".".join(names)) if isinstance(payload, str) else payload
    if not isinstance(payload, dict) or names[at] not in payload:
        return payload
    return {**payload, names[at]: _replaced(payload[names[at]], names, at + 1)}


def _parsed(text: str, path: str) -> Any:
    # Both form encodings write a plus as %2B, so a plus that stands there is a space.
    encoded = text.lstrip()[:1] == "%"
    try:
        found = orjson.loads(unquote_plus(text, errors="strict") if encoded else text)
    except UnicodeDecodeError:
        raise Reject("not_utf8", f"{path}: holds percent-encoded bytes that are not UTF-8") from None
    except orjson.JSONDecodeError as error:
        raise Reject("not_json", f"{path}: {error}") from None
    if depth_exceeds(found, MAX_DEPTH):
        raise Reject("too_deep", f"{path}: nested deeper than {MAX_DEPTH} levels")
    return found
