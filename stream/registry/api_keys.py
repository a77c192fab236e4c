"""API keys: their text, their secret's hash, and the plans that add, disable and delete them."""

import hmac
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, Literal

from schemas.registry import MAX_NAME, ApiKey, Removed, encode_record
from stream.base.errors import ConflictError, InputError, NotFoundError
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded, Plan

Scope = Literal[
    "events:write",  # hand in conversions
    "registry:read",  # read guides, links, stores, campaigns
]
SCOPES: Final[tuple[str, ...]] = Scope.__args__  # type: ignore[attr-defined]
SECRET_BYTES: Final = 32
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,31}")
_TEXT: Final = re.compile(rf"gs_({_ID.pattern})_([A-Za-z0-9_-]{{43}})")
_NOBODY: Final = "0" * 64


def key_text(id_: str, secret: str) -> str:
    """What the holder of a key sends."""
    return f"gs_{id_}_{secret}"


def read_key(text: str) -> tuple[str, str]:
    """Id and secret of a key's text; both empty when it is none."""
    found = _TEXT.fullmatch(text)
    return (found[1], found[2]) if found else ("", "")


def is_secret_of(secret: str, key: ApiKey | None) -> bool:
    """Whether this is the key's secret, in the same time whatever the answer, and with no key, too."""
    wanted = key.sha256 if key else _NOBODY
    return hmac.compare_digest(sha256(secret.encode()).hexdigest(), wanted) and key is not None


def new_key(id_: str, name: str, scopes: Collection[str], secret: str, now_ms: int) -> ApiKey:
    """A key of this secret, which is the base64url of `SECRET_BYTES` random bytes.

    Raises:
        InputError: id, name or scopes are not what they must be.
    """
    if not _ID.fullmatch(id_):
        raise InputError(f"{id_[:80]!r}: give 1 to 32 letters, digits, . or -, the first a letter or digit", field="id")
    if len(name) > MAX_NAME or not name.isprintable():
        raise InputError(f"give at most {MAX_NAME} printable characters", field="name")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise InputError(f"{', '.join(unknown)[:80]!r}: give some of {', '.join(SCOPES)}", field="scope")
    in_order = tuple(scope for scope in SCOPES if scope in scopes)
    return ApiKey(id_, name, sha256(secret.encode()).hexdigest(), in_order, now_ms)


def find_key(state: Snapshot, id_: str) -> ApiKey:
    """The key of this id; NotFoundError when there is none."""
    key = state.api_key(id_)
    if key is None:
        raise NotFoundError(f"there is no key {id_[:80]!r}; see guidestream key list", field="id")
    return key


def plan_add(key: ApiKey) -> Plan[ApiKey]:
    """Add a key. One of the same id is left alone: its holder would be shut out by a slip."""

    def plan(state: Snapshot) -> tuple[Encoded, ApiKey]:
        if state.api_key(key.id) is not None:
            raise ConflictError(f"there is a key {key.id} already; delete it first, or choose another id", field="id")
        return [encode_record(key)], key

    return plan


def plan_disabled(ids: Sequence[str], *, disabled: bool) -> Plan[list[ApiKey]]:
    """Shut keys out, or let them in again; one that is so already is not written."""
    return _each(ids, lambda key: None if key.disabled is disabled else encode_record(replace(key, disabled=disabled)))


def plan_delete(ids: Sequence[str]) -> Plan[list[ApiKey]]:
    """Delete keys for good."""
    return _each(ids, lambda key: encode_record(Removed("key", key.id)))


def _each(ids: Sequence[str], record: Callable[[ApiKey], tuple[bytes, bytes | None] | None]) -> Plan[list[ApiKey]]:
    def plan(state: Snapshot) -> tuple[Encoded, list[ApiKey]]:
        keys = [find_key(state, id_) for id_ in dict.fromkeys(ids)]
        return [encoded for key in keys if (encoded := record(key))], keys

    return plan
