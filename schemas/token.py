"""The click token: 22 bytes that name link, time and click, checkable without a look-up.

Layout, big-endian: 1 byte version (high 4 bits) and key id (low 4) | 4 bytes link number | 5 bytes milliseconds
since 2020-01-01 UTC | 4 bytes edge number (high 10 bits) and counter (low 22) | 8 bytes keyed BLAKE2b of all before.
As text: base64url without padding, 30 characters, within the limits of all platforms that carry it (30 to 128).
Test vectors: `schemas/golden/tokens.json`.
"""

import hmac
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct

import msgspec

VERSION = 1
EPOCH_MS = 1_577_836_800_000
TEXT_LENGTH = 30
MAC_BYTES = 8
COUNTERS = 1 << 22
EDGES = 1 << 10
_HEAD = Struct(">BIBII")  # the five bytes of time are split into one and four
_LENGTH = _HEAD.size + MAC_BYTES
_URL_SAFE, _STANDARD = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


class MalformedTokenError(ValueError):
    """Not a click token of ours: wrong length, alphabet, version, key or MAC."""


class UnknownKeyError(MalformedTokenError):
    """It has a token's form and names a key that is not there."""


class ForgedTokenError(MalformedTokenError):
    """It has a token's form, and the MAC is not its key's."""


class Token(msgspec.Struct, frozen=True, gc=False):
    """What a click token says."""

    link_number: int
    at_ms: int
    edge: int
    counter: int
    key_id: int


class Signer:
    """Makes tokens with one key; the hot path of the edge, so the keyed hash is made once and copied."""

    def __init__(self, key_id: int, key: bytes, edge: int) -> None:
        if not 0 <= edge < EDGES:
            raise ValueError(f"edge number {edge} is not in 0..{EDGES - 1}")
        self._first = VERSION << 4 | key_id
        self._edge = edge << 22
        self._hash = blake2b(key=key, digest_size=MAC_BYTES)

    def sign(self, link_number: int, at_ms: int, counter: int) -> str:
        """The token of one click; `counter` is taken modulo 2**22 and must not repeat within a millisecond."""
        ms = at_ms - EPOCH_MS
        head = _HEAD.pack(self._first, link_number, ms >> 32, ms & 0xFFFFFFFF, self._edge | counter & (COUNTERS - 1))
        mac = self._hash.copy()
        mac.update(head)
        return _encoded(head + mac.digest()).decode("ascii")


def verify(text: str, keys: Mapping[int, bytes]) -> Token:
    """Check a token and read it. `keys` maps key id to key; the MAC is compared in constant time.

    Raises:
        MalformedTokenError: it is not a token that one of the keys made; `UnknownKeyError` and `ForgedTokenError` when
            it looks like one.
    """
    token, head, mac = _read(text)
    key = keys.get(token.key_id)
    if key is None:
        raise UnknownKeyError(f"unknown key id {token.key_id}")
    if not hmac.compare_digest(mac, blake2b(head, key=key, digest_size=MAC_BYTES).digest()):
        raise ForgedTokenError("the MAC does not match")
    return token


def unverified(text: str) -> Token:
    """What a token claims: anybody can have written it, so it is for people to look at only.

    Raises:
        MalformedTokenError: it has not the form of a token.
    """
    return _read(text)[0]


def _read(text: str) -> tuple[Token, bytes, bytes]:
    """The fields, the bytes that are signed, the MAC."""
    if len(text) != TEXT_LENGTH:
        raise MalformedTokenError(f"a click token has {TEXT_LENGTH} characters, this has {len(text)}")
    try:
        written = text.encode("ascii")
        raw = a2b_base64(written.translate(_STANDARD) + b"==")
    except ValueError as error:
        raise MalformedTokenError("not base64url") from error
    # Non-canonical text (stray low bits, characters that the decoder skips) would give one click two names.
    if len(raw) != _LENGTH or _encoded(raw) != written:
        raise MalformedTokenError("not base64url in its one canonical form")
    head, mac = raw[: _HEAD.size], raw[_HEAD.size :]
    first, link_number, high, low, counter = _HEAD.unpack(head)
    version, key_id = first >> 4, first & 15
    if version != VERSION:
        raise MalformedTokenError(f"unknown token version {version}")
    token = Token(link_number, EPOCH_MS + (high << 32 | low), counter >> 22, counter & (COUNTERS - 1), key_id)
    return token, head, mac


def _encoded(raw: bytes) -> bytes:
    """What urlsafe_b64encode does, in a third of its time."""
    return b2a_base64(raw)[:TEXT_LENGTH].translate(_URL_SAFE)
