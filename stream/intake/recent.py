"""The event ids that were accepted last, in bounded memory."""

import secrets
from hashlib import blake2b
from typing import Final

_DIGEST_BYTES: Final = 16
"""With a key that nobody knows, two ids meet by chance alone: once in 1e26 among ten million."""


class Recent:
    """Remembers at least the last `capacity` ids, at most twice as many, about 100 bytes each.

    Two generations bound it without bookkeeping per id: a full young one becomes the old one. It says "seen" of no id
    that was not added, so nothing is lost by asking it; what it has forgotten the worker finds in the warehouse.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._hash = blake2b(key=secrets.token_bytes(32), digest_size=_DIGEST_BYTES)
        self._young: set[bytes] = set()
        self._old: set[bytes] = set()

    def digest(self, event_id: str) -> bytes:
        """What stands for an id in the other two calls."""
        digest = self._hash.copy()
        digest.update(event_id.encode())
        return digest.digest()

    def has(self, digest: bytes) -> bool:
        """Whether the id was added lately."""
        return digest in self._young or digest in self._old

    def add(self, digest: bytes) -> None:
        """Remember an id."""
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, set()
        self._young.add(digest)
