"""One request, from the server's objects to the answer: look the link up, decide, keep the click, answer.

`Handler.handle` runs in the one thread that the server calls Python from, so nothing here takes a lock.
"""

import os
import time
from collections.abc import Callable
from itertools import count
from typing import Any, Final, Protocol

import orjson

from schemas.token import Signer
from stream.base.clock import Clock, wall_clock
from stream.base.errors import SpoolFullError
from stream.base.settings import Settings
from stream.edge.counters import Counters
from stream.edge.decide import Decision, decide
from stream.edge.pages import CONTENT_SECURITY_POLICY, Page, page
from stream.edge.plan import Plan, Plans, plan
from stream.edge.reader import Reader
from stream.edge.unknown import ROBOTS, code_of, kind_of
from stream.registry.snapshot import Snapshot

MAX_PATH: Final = 256
MAX_QUERY: Final = 2048
"""Characters; a longer one is answered 414. A code has 32, and a link passes on a few short parameters."""
_PLANS: Final = 16_384
"""Of one generation, about 2 KB each: two are 64 MB at most."""

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
        self._registry, self._sink, self._signer, self._clock = registry, sink, signer, clock
        self._reader = Reader(settings, random)
        self._zone, self._public_url = settings.brand.zone, settings.edge.public_url
        self._counter = count(int.from_bytes(random(3), "big"))
        self._snapshot = registry.snapshot
        self._plans = Plans(size=_PLANS)

    def handle(self, scope: Any, protocol: Any) -> None:
        """Answer one request (RSGI scope and protocol)."""
        started = time.perf_counter()
        path, method = scope.path, scope.method
        now_ms = self._clock()
        snapshot = self._registry.snapshot
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._plans.clear()
        known = self._plans.get(path[1:], now_ms) or self._look_up(path, now_ms)
        query = scope.query_string
        if known is None or method not in ("GET", "HEAD") or len(query) > MAX_QUERY:
            outcome = self._without_link(scope, protocol)
        else:
            outcome = self._tap(scope, protocol, method, query, known, now_ms)
        self.counters.answered(outcome, time.perf_counter() - started)

    def _tap(self, scope: Any, protocol: Any, method: str, query: str, known: Plan, now_ms: int) -> str:
        facts, set_cookie = self._reader.read(scope, method, query, self._snapshot, now_ms)
        token = self._signer.sign(known.link.number, now_ms, next(self._counter))
        decision = decide(facts, known, now_ms, token)
        try:  # noqa: SIM105 - a context manager is three times as slow
            self._sink.append(known.key, orjson.dumps(decision.click))
        except SpoolFullError:
            # The spool counts it. A visitor does not pay for a full disk of ours.
            pass
        _answer(protocol, decision, set_cookie)
        return decision.outcome

    def _look_up(self, path: str, now_ms: int) -> Plan | None:
        code = code_of(path)
        link = self._snapshot.resolve(code) if code else None
        if link is None:
            return None
        made = plan(link, self._snapshot, now_ms, zone=self._zone, public_url=self._public_url)
        self._plans.put(made)
        return made

    def _without_link(self, scope: Any, protocol: Any) -> str:
        """Answer what is no tap on a link; what it was, for the counter."""
        path: str = scope.path
        if scope.method not in ("GET", "HEAD"):
            _show(protocol, page("method"), ("allow", "GET, HEAD"))
            return "method"
        if len(path) > MAX_PATH or len(scope.query_string) > MAX_QUERY:
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


def _answer(protocol: Any, decision: Decision, set_cookie: str) -> None:
    cookie = (("set-cookie", set_cookie),) if set_cookie else ()
    if decision.page is not None:
        _show(protocol, decision.page, *cookie)
    else:
        headers = [("location", decision.location), _NO_STORE, _NO_REFERRER, *cookie]
        protocol.response_empty(decision.status, headers)


def _show(protocol: Any, shown: Page, *more: tuple[str, str]) -> None:
    protocol.response_bytes(shown.status, [*_PAGE_HEADERS, *more], shown.body)
