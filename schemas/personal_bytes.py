"""Personal data in bytes that no contract has accepted: what is kept of a rejected event names nobody either."""

from typing import Any, Final

import orjson

from schemas.codec import MAX_DEPTH
from schemas.person_hashes import PersonKeys
from schemas.personal import protect_json, protect_text
from schemas.rejects import Reject

_CONTAINERS: Final = (dict, list)


def protect_bytes(value: bytes | None, keys: PersonKeys) -> bytes | None:
    """The bytes without phone numbers and, where they are JSON, without what its names say is personal.

    The same object when there is nothing to change. What is no JSON cannot tell a name from another word.
    """
    if not value:
        return value
    try:
        found: Any = orjson.loads(value)
        if isinstance(found, _CONTAINERS):
            protected = protect_json(found, keys, MAX_DEPTH)
            return value if protected == found else orjson.dumps(protected)
    except (orjson.JSONDecodeError, Reject):
        pass
    text = value.decode("utf-8", "surrogateescape")
    protected_text = protect_text(text, keys)
    return value if protected_text is text else protected_text.encode("utf-8", "surrogateescape")
