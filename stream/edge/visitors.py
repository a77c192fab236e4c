"""Who visits: the id in our first-party cookie, or a hash that is forgotten when its day's salt is. Pure."""

import re
from base64 import urlsafe_b64encode
from hashlib import blake2b
from typing import Final

ID_BYTES: Final = 18
"""Random bytes of a cookie's id: 24 characters of base64url without padding."""
_ID: Final = r"[A-Za-z0-9_-]{24}"
_YEAR_SECONDS: Final = 365 * 86_400


class VisitorCookie:
    """The cookie of one name."""

    def __init__(self, name: str, *, secure: bool) -> None:
        self._find = re.compile(rf"(?:^|;)[ \t]*{re.escape(name)}=({_ID})[ \t]*(?:;|$)")
        self._name = name
        self._attributes = f"; Max-Age={_YEAR_SECONDS}; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def read(self, header: str) -> str:
        """The visitor id in a Cookie header; empty when there is none that we could have written."""
        if not header:
            return ""
        found = self._find.search(header)
        return found[1] if found else ""

    def write(self, visitor: str) -> str:
        """The value of Set-Cookie."""
        return f"{self._name}={visitor}{self._attributes}"


def cookie_id(random: bytes) -> str:
    """A new visitor id from `ID_BYTES` random bytes."""
    return urlsafe_b64encode(random).decode("ascii")


class DayHash:
    """Visitor ids of one business day for those without a cookie; without its salt nobody can compute them again."""

    def __init__(self, salt: bytes) -> None:
        self._hash = blake2b(key=salt[:64], digest_size=ID_BYTES)

    def visitor(self, ip: str, user_agent: str, language: str) -> str:
        """The id of whoever comes from this full address with this user agent and language."""
        keyed = self._hash.copy()
        # None of the three holds a line break, so no two triples give the same text.
        keyed.update(f"{ip}\n{user_agent}\n{language}".encode())
        return urlsafe_b64encode(keyed.digest()).decode("ascii")
