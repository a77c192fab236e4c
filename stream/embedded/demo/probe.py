"""Freshness as somebody outside sees it: sampled taps are looked for in ClickHouse until their row can be queried."""

import asyncio
import time
from collections import deque
from typing import Final
from urllib.parse import parse_qsl, urlsplit

from schemas.registry import TOKEN_PARAMETERS
from schemas.token import TEXT_LENGTH
from stream.base.errors import GuidestreamError
from stream.embedded.demo.people import Tap
from stream.embedded.demo.quantiles import quantile
from stream.embedded.demo.taps import header
from stream.sink.clickhouse import ClickHouse

_SAMPLE_EVERY_S: Final = 0.2
_LOOK_EVERY_S: Final = 0.1
_LOOK: Final = """
SELECT DISTINCT click_id FROM clicks
WHERE toStartOfMinute(event_time) >= now('UTC') - INTERVAL 5 MINUTE AND click_id IN {tokens:Array(String)}
"""
"""The first condition is on the table's key: a look costs the same however many rows there are."""
_MOST_PENDING: Final = 500
_KEPT: Final = 20_000
_NAMES: Final = frozenset(TOKEN_PARAMETERS.values())


class FreshnessProbe:
    """Listens to a `Sender`; `run` looks for the sampled taps. A time is too long by up to a look, never too short."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self._pending: dict[str, float] = {}
        self._last = 0.0
        self.seen_ms: deque[float] = deque(maxlen=_KEPT)

    def on_answer(self, tap: Tap, head: bytes) -> None:
        """Take a sample now and then; to be set as the sender's `on_answer`."""
        now = time.perf_counter()
        if not tap.known or now - self._last < _SAMPLE_EVERY_S or len(self._pending) >= _MOST_PENDING:
            return
        token = token_of(header(head, b"location").decode("ascii", "replace"))
        if token:
            self._last = now
            self._pending[token] = now

    async def run(self) -> None:
        """Look for what is pending, until cancelled; an error of ClickHouse is waited out, the clock goes on."""
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if not self._pending:
                continue
            try:
                rows = await self._clickhouse.query(_LOOK, {"tokens": list(self._pending)})
            except GuidestreamError:
                continue  # the warehouse is down or restarting: that is part of the figure
            now = time.perf_counter()
            for (token,) in rows:
                self.seen_ms.append((now - self._pending.pop(str(token))) * 1000)

    @property
    def pending(self) -> int:
        """Sampled taps whose row was not seen yet."""
        return len(self._pending)

    def quantile_ms(self, q: float) -> float | None:
        """Time from the answer to the row; None before the first row."""
        return quantile(self.seen_ms, q)


def token_of(location: str) -> str:
    """The click token that a Location carries, or an empty string; a mini-program's is in a query of its own."""
    for name, value in parse_qsl(urlsplit(location).query):
        text = value.rpartition("=")[2] if name == TOKEN_PARAMETERS["mini_program"] else value
        if name in _NAMES and len(text) == TEXT_LENGTH:
            return text
    return ""
