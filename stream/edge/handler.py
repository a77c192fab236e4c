"""One request, from the server's objects to the answer: read the facts, decide, keep the click, answer.

`Handler.handle` runs in the one thread that the server calls Python from, so nothing here takes a lock.
"""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Final, Protocol

import orjson

from schemas.clicks import MAX_LANGUAGE, MAX_REFERRER, MAX_USER_AGENT, VisitorKind
from schemas.token import Signer
from stream.base.clock import Clock, wall_clock
from stream.base.errors import SpoolFullError
from stream.base.settings import Settings
from stream.edge.addresses import client_address
from stream.edge.counters import Counters
from stream.edge.decide import Decision, Facts, decide
from stream.edge.fetches import fetch_of
from stream.edge.pages import CONTENT_SECURITY_POLICY, Page, page
from stream.edge.plan import Plan, Plans, plan
from stream.edge.text import clean
from stream.edge.unknown import ROBOTS, code_of, kind_of
from stream.edge.visitors import ID_BYTES, DayHash, VisitorCookie, cookie_id
from stream.registry.salts import utc_day
from stream.registry.snapshot import Snapshot

MAX_PATH: Final = 256
MAX_QUERY: Final = 2048
"""Characters; a longer one is answered 414. A code has 32, and a link passes on a few short parameters."""
_PLANS: Final = 16_384
"""Of one generation, about 2 KB each: two are 64 MB at most."""
_DAY_MS: Final = 86_400_000

# A click is to be counted each time. Where a visitor was when tapping (a chat, an article with an id in its URL) is
# nobody's business at the destination: what it may know is in the token and the UTM parameters.
_NO_STORE: Final = ("cache-control", "no-store")
_NO_REFERRER: Final = ("referrer-policy", "no-referrer")
_PAGE_HEADERS: Final = [
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    _NO_STORE,
    _NO_REFERRER,
]


class Registry(Protocol):
    """The registry follower, as far as the edge needs it."""

    @property
    def snapshot(self) -> Snapshot:
        """The registry in force; another object whenever it changed."""

    @property
    def ready(self) -> bool:
        """Whether there is a registry at all."""


class Sink(Protocol):
    """The spool, as far as the edge needs it."""

    def append(self, key: bytes, value: bytes) -> None:
        """Keep a record; raises SpoolFullError when it cannot."""


class Handler:
    """Answers requests of one edge process."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        sink: Sink,
        signer: Signer,
        *,
        clock: Clock = wall_clock,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.counters = Counters()
        self._registry, self._sink, self._signer, self._clock, self._random = registry, sink, signer, clock, random
        self._zone = settings.brand.zone
        self._public_url = settings.edge.public_url
        self._trusted_proxies = settings.edge.trusted_proxies
        name = settings.edge.visitor_cookie
        self._cookie = VisitorCookie(name, secure=self._public_url.startswith("https:")) if name else None
        self._counter = count(int.from_bytes(random(3), "big"))
        self._plans = Plans(size=_PLANS)
        self._snapshot: Snapshot | None = None
        self._day = -1
        self._own_salt = random(32)
        self._day_hash = DayHash(self._own_salt)

    def handle(self, scope: Any, protocol: Any) -> None:
        """Answer one request (RSGI scope and protocol)."""
        started = time.perf_counter()
        path, method = scope.path, scope.method
        now_ms = self._clock()
        if self._registry.snapshot is not self._snapshot:
            self._renew()
        known = self._plans.get(path[1:], now_ms) or self._look_up(path, now_ms)
        if known is None or method not in ("GET", "HEAD") or len(scope.query_string) > MAX_QUERY:
            outcome = self._without_link(path, method, scope.query_string, protocol)
        else:
            outcome = self._tap(scope, protocol, known, now_ms)
        self.counters.answered(outcome, time.perf_counter() - started)

    def _tap(self, scope: Any, protocol: Any, known: Plan, now_ms: int) -> str:
        facts, new_visitor = self._facts(scope, now_ms)
        token = self._signer.sign(known.link.number, now_ms, next(self._counter))
        decision = decide(facts, known, now_ms, token)
        # A visitor does not pay for a full disk of ours; the spool counts what it drops.
        with suppress(SpoolFullError):
            self._sink.append(known.key, orjson.dumps(decision.click))
        self._answer(protocol, decision, facts.visitor if new_visitor else "")
        return decision.outcome

    def _facts(self, scope: Any, now_ms: int) -> tuple[Facts, bool]:
        """What is known of the request, and whether its visitor is new and gets a cookie."""
        headers = scope.headers
        header = headers.get
        user_agent = clean(header("user-agent", ""), MAX_USER_AGENT)
        language = clean(header("accept-language", ""), MAX_LANGUAGE)
        referrer = header("referer", "")
        if referrer:
            referrer = clean(referrer.partition("#")[0].partition("?")[0], MAX_REFERRER)
        purpose = header("sec-purpose") or header("purpose") or header("x-purpose") or header("x-moz") or ""
        fetch = fetch_of(scope.method, user_agent, purpose)
        trusted = self._trusted_proxies
        address = client_address(scope.client, headers.get_all("x-forwarded-for") if trusted else (), trusted)
        visitor, new = "", False
        kind: VisitorKind = "cookie"
        if self._cookie is not None:
            visitor = self._cookie.read(header("cookie", ""))
            if not visitor and fetch == "navigate":
                visitor, new = cookie_id(self._random(ID_BYTES)), True
        if not visitor:
            visitor, kind = self._hash(now_ms).visitor(address.ip, user_agent, language), "hash"
        return Facts(fetch, scope.query_string, address.prefix, user_agent, language, referrer, visitor, kind), new

    def _answer(self, protocol: Any, decision: Decision, new_visitor: str) -> None:
        if decision.page is not None:
            headers = _PAGE_HEADERS.copy()
        else:
            headers = [("location", decision.location), _NO_STORE, _NO_REFERRER]
        if new_visitor and self._cookie is not None:
            headers.append(("set-cookie", self._cookie.write(new_visitor)))
        if decision.page is not None:
            protocol.response_bytes(decision.status, headers, decision.page.body)
        else:
            protocol.response_empty(decision.status, headers)

    def _without_link(self, path: str, method: str, query: str, protocol: Any) -> str:
        if method not in ("GET", "HEAD"):
            _show(protocol, page("method"), ("allow", "GET, HEAD"))
            return "method"
        if len(path) > MAX_PATH or len(query) > MAX_QUERY:
            _show(protocol, page("too_long"))
            return "too_long"
        if path == "/robots.txt":
            headers = [("content-type", "text/plain; charset=utf-8"), ("cache-control", "max-age=86400")]
            protocol.response_bytes(200, headers, ROBOTS)
            return "asset"
        if path == "/favicon.ico":
            protocol.response_empty(204, [("cache-control", "max-age=86400")])
            return "asset"
        if not self._registry.ready:
            _show(protocol, page("starting"), ("retry-after", "5"))
            return "starting"
        self.counters.unknown(kind_of(path))
        _show(protocol, page("unknown"))
        return "unknown"

    def _look_up(self, path: str, now_ms: int) -> Plan | None:
        code = code_of(path)
        link = self._registry.snapshot.resolve(code) if code else None
        if link is None:
            return None
        made = plan(link, self._registry.snapshot, now_ms, zone=self._zone, public_url=self._public_url)
        self._plans.put(made)
        return made

    def _renew(self) -> None:
        """Take up a changed registry."""
        self._snapshot = self._registry.snapshot
        self._plans.clear()
        self._day = -1

    def _hash(self, now_ms: int) -> DayHash:
        day = now_ms // _DAY_MS
        if day != self._day:
            self._day = day
            # The follower has one for each day from its start on; before that there is no link to be tapped either.
            self._day_hash = DayHash(self._registry.snapshot.salt(utc_day(now_ms)) or self._own_salt)
        return self._day_hash


def _show(protocol: Any, shown: Page, *more: tuple[str, str]) -> None:
    protocol.response_bytes(shown.status, [*_PAGE_HEADERS, *more], shown.body)
