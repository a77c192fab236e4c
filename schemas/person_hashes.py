"""Keyed hashes: what stands for a phone number, a name or an id that must not be stored itself."""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

HASH_BYTES: Final = 16
HASH: Final = rf"k[0-9]{{1,2}}:[0-9a-f]{{{2 * HASH_BYTES}}}"
"""The form of a hash: the key's id, then hex."""


@dataclass(frozen=True, slots=True)
class PersonKeys:
    """The keys of personal hashes, newest first: the first writes, all live ones are looked up while one is replaced.

    Hashes made with a key that is gone cannot be found any more: keep a key as long as the rows it wrote.
    """

    writing_id: int
    by_id: dict[int, bytes] = field(repr=False)
    """In the order in which they are listed: the last is the oldest."""


def written_hash(kind: str, text: str, keys: PersonKeys) -> str:
    """What `text` is stored as; two kinds (16 bytes at most) never share a hash."""
    return _hash(kind, text, keys.writing_id, keys)


def lasting_hash(kind: str, text: str, keys: PersonKeys) -> str:
    """What `text` is stored as where a new key in front must change nothing: its hash under the oldest live key."""
    return _hash(kind, text, next(reversed(keys.by_id)), keys)


def known_hashes(kind: str, text: str, keys: PersonKeys) -> tuple[str, ...]:
    """What `text` may have been stored as: its hash under every live key."""
    return tuple(_hash(kind, text, key_id, keys) for key_id in keys.by_id)


def _hash(kind: str, text: str, key_id: int, keys: PersonKeys) -> str:
    digest = blake2b(text.encode(), digest_size=HASH_BYTES, key=keys.by_id[key_id], person=kind.encode())
    return f"k{key_id}:{digest.hexdigest()}"
