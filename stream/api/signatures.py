"""Standard Webhooks 1.0.0: whether a request was signed by somebody who has the secret, and lately. Pure.

What is signed is `{webhook-id}.{webhook-timestamp}.{body}`, by HMAC-SHA256; `webhook-signature` holds one or more
`v1,{base64}`, separated by spaces, of which one has to be by a secret of ours. Two secrets live at once while one
replaces the other.
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple, Self

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = range(24, 65)
TOLERANCE_S: Final = 300
"""How far the time of sending may be from ours, either way. The specification asks for a tolerance, its libraries have
five minutes."""
MAX_SIGNATURES: Final = 16
# No full stop in it: where the id ends and the time begins must be beyond doubt, or a signature could be taken for
# another content.
_ID = re.compile(r"[!-\-/-~]{1,256}")
_SECONDS = re.compile(r"[0-9]{1,12}")
_MAX_HEADER: Final = 4096


class Signed(NamedTuple):
    """The three headers of a request, well-formed."""

    id: str
    seconds: int
    """When it was sent, since 1970 UTC."""
    signatures: tuple[bytes, ...]

    @classmethod
    def read(cls, ids: Sequence[str], times: Sequence[str], signatures: Sequence[str]) -> Self | None:
        """From all values of each header; None unless each is there once and well-formed."""
        if not len(ids) == len(times) == len(signatures) == 1:
            return None
        if not (_ID.fullmatch(ids[0]) and _SECONDS.fullmatch(times[0])) or len(signatures[0]) > _MAX_HEADER:
            return None
        found = [text.split(",", 1) for text in signatures[0].split(" ")]
        of_ours = tuple(pair[1].encode() for pair in found if len(pair) == 2 and pair[0] == "v1" and pair[1].isascii())
        return cls(ids[0], int(times[0]), of_ours) if len(found) <= MAX_SIGNATURES else None

    def fresh(self, now_ms: int) -> bool:
        """Whether it was sent within the tolerance, before or after `now_ms`."""
        return abs(now_ms - self.seconds * 1000) <= TOLERANCE_S * 1000

    def by_one_of(self, secrets: Sequence[bytes], body: bytes) -> bool:
        """Whether a secret of these signed id, time and body; how long it takes says nothing of the secrets."""
        content = b"%b.%d.%b" % (self.id.encode(), self.seconds, body)
        expected = [b64encode(hmac.digest(secret, content, sha256)) for secret in secrets]
        found = False
        for signature in self.signatures:
            for one in expected:
                found |= hmac.compare_digest(signature, one)
        return found


def read_secret(text: str) -> bytes:
    """The bytes of `whsec_` and base64.

    Raises:
        ValueError: it is none; the message does not show it.
    """
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    try:
        secret = b64decode(text.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError(f"what follows {PREFIX} is not base64") from None
    if len(secret) not in SECRET_BYTES:
        limits = f"{SECRET_BYTES.start} to {SECRET_BYTES.stop - 1}"
        raise ValueError(f"a secret has {limits} bytes before base64, this has {len(secret)}")
    return secret


def sign(secret: bytes, id_: str, seconds: int, body: bytes) -> str:
    """The header `webhook-signature` as a sender makes it."""
    return "v1," + b64encode(hmac.digest(secret, b"%b.%d.%b" % (id_.encode(), seconds, body), sha256)).decode()
