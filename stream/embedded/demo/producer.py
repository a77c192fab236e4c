"""The shop's and WeCom's side: sends what journeys bring about to `POST /v1/events`, and keeps a ledger of the answers.

A batch whose answer did not come is sent again with the same event ids until one does: that is what the ids are for.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import aiohttp
import orjson

from stream.base.errors import InvariantError, UnavailableError
from stream.embedded.demo.journeys import Event, Journeys

_MOST_EVENTS: Final = 500
_PAUSE_S: Final = 0.1
_KNOWN_S: Final = 30.0
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)


@dataclass(slots=True)
class Answers:
    """What the API said of the events that were sent."""

    accepted: int = 0
    duplicate: int = 0
    """Sent once more on purpose, or because an answer was lost."""
    rejected: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


class Producer:
    """Sends events as they fall due, until `finish`."""

    def __init__(self, url: str, secret: str, journeys: Journeys, clock: Callable[[], int]) -> None:
        self.answers = Answers()
        self._url = f"{url}/v1/events"
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/x-ndjson"}
        self._journeys = journeys
        self._clock = clock
        self._finishing = False

    async def run(self) -> None:
        """Send until `finish` was called and nothing is left."""
        async with aiohttp.ClientSession(headers=self._headers, timeout=_TIMEOUT) as session:
            await self._wait_until_known(session)
            while True:
                events = self._next()
                if events:
                    await self._send(session, events)
                elif self._finishing:
                    return
                if len(events) < _MOST_EVENTS:
                    await asyncio.sleep(_PAUSE_S)

    def finish(self) -> None:
        """Play what is still to come at once, then let `run` return."""
        self._finishing = True

    async def _wait_until_known(self, session: aiohttp.ClientSession) -> None:
        """The API hears of a new key a moment after it was made."""
        deadline = time.monotonic() + _KNOWN_S
        while time.monotonic() < deadline:
            async with session.post(self._url, data=b"") as answer:
                if answer.status != HTTPStatus.UNAUTHORIZED:
                    return
            await asyncio.sleep(_PAUSE_S)
        raise UnavailableError(f"the api did not hear of the key within {_KNOWN_S:.0f} s; see demo.log")

    def _next(self) -> list[Event]:
        now_ms = self._clock()
        if not self._finishing:
            return self._journeys.take_due(now_ms, _MOST_EVENTS)
        events = self._journeys.take_due(self._journeys.last_ms(), _MOST_EVENTS)
        return [event | {"occurred_at": min(event["occurred_at"], now_ms)} for event in events]

    async def _send(self, session: aiohttp.ClientSession, events: list[Event]) -> None:
        body = b"\n".join(map(orjson.dumps, events))
        while True:
            try:
                async with session.post(self._url, data=body) as answer:
                    said = await answer.read()
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_PAUSE_S)  # the api restarts
                continue
            if answer.status == HTTPStatus.ACCEPTED:
                break
            if answer.status not in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
                raise InvariantError(f"POST /v1/events: {answer.status} {said[:500].decode('utf-8', 'replace')}")
            await asyncio.sleep(_PAUSE_S)
        for outcome in orjson.loads(said)["outcomes"]:
            match outcome["status"]:
                case "accepted":
                    self.answers.accepted += 1
                case "duplicate":
                    self.answers.duplicate += 1
                case _:
                    self.answers.rejected += 1
                    self.answers.reasons[f"{outcome.get('field')}: {outcome.get('reason')}"] += 1
