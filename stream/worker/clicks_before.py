"""Clicks that an event without a token may follow from: of its visitor, or of its guide's links."""

import asyncio
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from schemas.attribution import SKEW_MS, Touch
from schemas.conversions import Conversion
from stream.attribute.credit import LookBack, wants_guide_clicks
from stream.sink import lookups
from stream.worker.sink import Sink

_DAY_MS: Final = 86_400_000


def last_before(clicks: Sequence[Touch], time_ms: int) -> Touch | None:
    """The last of some clicks, ascending, that an event may follow from."""
    place = bisect_right(clicks, time_ms + SKEW_MS, key=lambda click: click.at_ms)
    return clicks[place - 1] if place else None


def may_follow(event: Conversion) -> bool:
    """Whether there may be clicks that an event without a token follows from: it names a visitor, or a guide added."""
    return bool(event.get("visitor_id")) or wants_guide_clicks(event)


def _is_full(clicks: Sequence[Touch]) -> bool:
    """Whether there may be further ones before these, the last of a visitor."""
    return len(clicks) >= lookups.CLICKS_OF_A_VISITOR


def _join(found: dict[str, list[Touch]], more: Mapping[str, Sequence[Touch]]) -> None:
    for visitor, clicks in more.items():
        found[visitor] = sorted({*found.get(visitor, ()), *clicks})


class Clicks(NamedTuple):
    """What was found for a batch."""

    by_visitor: Mapping[str, Sequence[Touch]]
    by_guide: Mapping[str, Sequence[Touch]]

    def of_visitor(self, event: Conversion, time_ms: int) -> Touch | None:
        """The last click of the event's visitor that the event may follow from."""
        clicks = self.by_visitor.get(event.get("visitor_id", ""))
        return last_before(clicks, time_ms) if clicks else None

    def of_guide(self, event: Conversion) -> Sequence[Touch]:
        """Clicks of the acting guide; the rule looks at their times."""
        return self.by_guide.get(event.get("guide_id", ""), ()) if wants_guide_clicks(event) else ()


class ClicksBefore:
    """One per process."""

    def __init__(self, sink: Sink, lookback: LookBack) -> None:
        self._sink = sink
        self._lookback = lookback

    async def find(self, events: Sequence[tuple[Conversion, int]]) -> Clicks:
        """Ask for the clicks of some events, each with its time."""
        visitors = [(event["visitor_id"], time_ms) for event, time_ms in events if event.get("visitor_id")]
        guides = {(event["guide_id"], time_ms) for event, time_ms in events if wants_guide_clicks(event)}
        of_visitors, of_guides = await asyncio.gather(self._of_visitors(visitors), self._of_guides(guides))
        return Clicks(of_visitors, of_guides)

    async def _of_visitors(self, visitors: Sequence[tuple[str, int]]) -> Mapping[str, Sequence[Touch]]:
        if not visitors:
            return {}
        times = [time_ms for _, time_ms in visitors]
        since_ms, until_ms = min(times) - self._lookback.visitor_ms, max(times) + SKEW_MS
        # Most have clicked just before: a day is read for all, the rest of the look-back for those who are not in it.
        recent_ms = max(since_ms, min(times) - _DAY_MS)
        found = await self._last_clicks({visitor for visitor, _ in visitors}, recent_ms, until_ms)
        left = [each for each in visitors if last_before(found.get(each[0], ()), each[1]) is None]
        # Who has clicked a lot since then is asked for event by event: the last clicks of all hide those before.
        hidden = {each for each in left if _is_full(found.get(each[0], ()))}
        left = [each for each in left if each not in hidden]
        if left and since_ms < recent_ms:
            older = await self._last_clicks({visitor for visitor, _ in left}, since_ms, recent_ms - 1)
            hidden |= {
                (visitor, time_ms)
                for visitor, time_ms in left
                if _is_full(older.get(visitor, ())) and last_before(older[visitor], time_ms) is None
            }
            _join(found, older)
        if hidden:
            within_ms = self._lookback.visitor_ms
            _join(found, await self._sink.ask("clicks_at", lambda ch: lookups.clicks_at(ch, hidden, within_ms)))
        return found

    async def _last_clicks(self, visitors: set[str], since_ms: int, until_ms: int) -> dict[str, list[Touch]]:
        return await self._sink.ask("last_clicks", lambda ch: lookups.last_clicks(ch, visitors, since_ms, until_ms))

    async def _of_guides(self, moments: set[tuple[str, int]]) -> Mapping[str, Sequence[Touch]]:
        if not moments:
            return {}
        return await self._sink.ask(
            "guide_clicks", lambda ch: lookups.guide_clicks(ch, moments, self._lookback.guide_ms)
        )
