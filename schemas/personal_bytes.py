"""Personal data in bytes that no contract has accepted: what is kept of a rejected event names nobody either."""

from typing import Any, Final

import orjson

from schemas.codec import MAX_DEPTH
from schemas.person_hashes import PersonKeys
from schemas.personal import protect_json, protect_text
from schemas.personal_ids import without_numbers
from schemas.rejects import Reject

_CONTAINERS: Final = (dict, list)
_IDS: Final = ("event_id", "order_id")


def protect_bytes(value: bytes | None, keys: PersonKeys) -> bytes | None:
    """The bytes without phone numbers and, where they are JSON, without what its names say is personal.

    The same object when there is nothing to change. What is no JSON cannot tell a name from another word.
    """
    if not value:
        return value
    try:
        found: Any = orjson.loads(value)
        if isinstance(found, _CONTAINERS):
            protected = protect_json(_with_ids(found, keys), keys, MAX_DEPTH)
            return value if protected == found else orjson.dumps(protected)
    except (orjson.JSONDecodeError, Reject):
        pass
    text = value.decode("utf-8", "surrogateescape")
    protected_text = protect_text(text, keys)
    return value if protected_text is text else protected_text.encode("utf-8", "surrogateescape")


def _with_ids(found: Any, keys: PersonKeys) -> Any:
    """An event with its ids as they would be had it been accepted: sent again, it is the same event."""
    if isinstance(found, dict) and all(isinstance(found.get(name, ""), str) for name in _IDS) and "event_id" in found:
        return without_numbers(found, keys)  # type: ignore[arg-type] # as far as its ids go
    return found
