"""Reads the facts of a request off the server's objects."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from schemas.clicks import MAX_LANGUAGE, MAX_REFERRER, MAX_USER_AGENT, VisitorKind
from stream.base.addresses import Address, client_address, parse
from stream.base.days import day_at
from stream.base.settings import Settings
from stream.edge.decide import Facts
from stream.edge.fetches import UNREADABLE, Agent, agent_of, fetch_of
from stream.edge.text import clean
from stream.edge.visitors import ID_BYTES, DayHash, VisitorCookie, cookie_id
from stream.registry.snapshot import Snapshot

_POOL_BYTES: Final = 256 * ID_BYTES
"""Random bytes fetched at once: a system call for each new visitor would be a twentieth of the whole answer."""


class Reader:
    """Reads requests of one edge process."""

    def __init__(self, settings: Settings, random: Callable[[int], bytes]) -> None:
        self._trusted_proxies = settings.edge.trusted_proxies
        secure = settings.edge.public_url.startswith("https:")
        name = settings.edge.visitor_cookie
        self._cookie = VisitorCookie(name, secure=secure) if name else None
        self._random = random
        self._pool, self._used = b"", 0
        self._zone = settings.brand.zone
        self._day_starts_ms, self._day_ends_ms = 0, 0
        self._salted_by: Snapshot | None = None
        self._own_salt = random(32)
        self._day_hash = DayHash(self._own_salt)

    def read(self, scope: Any, method: str, query: str, snapshot: Snapshot, now_ms: int) -> tuple[Facts, str]:
        """The facts of a request, and the value of Set-Cookie for a new visitor, or an empty string.

        What the scope is asked for, it makes anew each time: so method and query come from the caller, who has them.
        """
        headers = scope.headers
        header = headers.get
        agent = agent_of(header("user-agent", "")[:MAX_USER_AGENT])
        if not agent.text and _unreadable(headers, "user-agent"):
            agent = UNREADABLE
        language = _language(header("accept-language", "")[:MAX_LANGUAGE])
        referrer = header("referer", "")
        if referrer:
            referrer = clean(referrer.partition("#")[0].partition("?")[0], MAX_REFERRER)
        purpose = header("sec-purpose") or header("purpose") or header("x-moz") or ""
        fetch = fetch_of(method, agent, purpose)
        if self._trusted_proxies:
            address = client_address(scope.client, headers.get_all("x-forwarded-for"), self._trusted_proxies)
        else:
            address = parse(scope.client)
        visitor, set_cookie = "", ""
        kind: VisitorKind = "cookie"
        if self._cookie is not None:
            cookies = header("cookie", "")
            visitor = self._cookie.read(cookies)
            # One that cannot be read may hold ours: another each time would make each tap a new visitor.
            if not visitor and fetch == "navigate" and (cookies or not _unreadable(headers, "cookie")):
                visitor = self._new_visitor()
                set_cookie = self._cookie.write(visitor)
        if not visitor:
            visitor, kind = self._hash(address, agent, language, snapshot, now_ms), "hash"
        facts = Facts(fetch, query, address.prefix, agent.text, language, referrer, visitor, kind)
        return facts, set_cookie

    def _new_visitor(self) -> str:
        if self._used == len(self._pool):
            self._pool, self._used = self._random(_POOL_BYTES), 0
        start, self._used = self._used, self._used + ID_BYTES
        return cookie_id(self._pool[start : self._used])

    def _hash(self, address: Address, agent: Agent, language: str, snapshot: Snapshot, now_ms: int) -> str:
        if not self._day_starts_ms <= now_ms < self._day_ends_ms or snapshot is not self._salted_by:
            day, self._day_starts_ms, self._day_ends_ms = day_at(now_ms, self._zone)
            # The follower has a salt for each day from its start on; before that there is no link to be tapped either.
            self._day_hash = DayHash(snapshot.salt(day) or self._own_salt)
            self._salted_by = snapshot
        return self._day_hash.visitor(address.ip, agent.text, language)


def _unreadable(headers: Any, name: str) -> bool:
    """Whether a header that seems empty is there: of one with a byte beyond ASCII the server gives only the name."""
    return name in headers and headers.get(name) is None


@lru_cache(maxsize=4096)
def _language(header: str) -> str:
    return clean(header, MAX_LANGUAGE)
