"""Links and guides as the mirror of the registry has them, for credit: asked for a batch at a time, kept for a while.

A link's owners change. What was read of a link is right for all clicks that happened some seconds before it was read;
for a later click it is read again.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from schemas.windows import Facts
from stream.base import metrics
from stream.base.clock import Clock
from stream.sink import lookups
from stream.sink.lookups import GuideFacts, LinkFacts
from stream.worker.cache import Cache
from stream.worker.sink import Sink

_LINKS: Final = 100_000
_GUIDES: Final = 50_000
_MIRRORED_MS: Final = 5_000
"""A change of the registry is in ClickHouse within this time, by far: the mirror writes four times a second."""
_FRESH_MS: Final = 30_000
"""Store of a guide, campaign of a link: a change may take so long to be stamped on conversions."""
_NEW_MS: Final = 60_000
_AGAIN_S: Final = 0.25


Place = tuple[str, str, Facts]
"""Credited guide, credited link, and what the event names itself, which counts where its link has none."""


class _Read(NamedTuple):
    link: LinkFacts | None
    read_ms: int
    asked_ms: int
    """When it was first asked for without being there."""


class _Guide(NamedTuple):
    guide: GuideFacts
    read_ms: int


class Directory:
    """One per process."""

    def __init__(self, sink: Sink, clock: Clock) -> None:
        self._sink = sink
        self._clock = clock
        self._by_number: Cache[int, _Read] = Cache(_LINKS)
        self._by_code: Cache[str, _Read] = Cache(_LINKS)
        self._guides: Cache[str, _Guide] = Cache(_GUIDES)

    async def links(self, wanted: Mapping[int, int]) -> dict[int, LinkFacts]:
        """Links by number, given the time of the latest click on each.

        One that is not mirrored is left out. Where the click was just now it is waited for, some seconds after it was
        first asked for: it may be new.
        """
        missing = [number for number, click_ms in wanted.items() if not self._holds(number, click_ms)]
        _count("links", len(wanted), len(missing))
        new = {number for number, click_ms in wanted.items() if click_ms > self._clock() - _NEW_MS}
        while missing:
            await self._read(missing)
            now_ms = self._clock()
            missing = [
                number
                for number in missing
                if number in new
                and (read := self._by_number.get(number))
                and not read.link
                and now_ms - read.asked_ms < _MIRRORED_MS
            ]
            if missing:
                await asyncio.sleep(_AGAIN_S)
        found = {number: read.link for number in wanted if (read := self._by_number.get(number)) and read.link}
        self._by_number.trim()
        return found

    async def facts(self, wanted: Collection[Place]) -> dict[Place, Facts]:
        """What is stamped on credits of these places."""
        links = await self._links_by_code({link for _, link, _ in wanted if link})
        guides = await self._guides_of({guide_id for guide_id, _, _ in wanted if guide_id})
        return {place: _facts(guides.get(place[0]), links.get(place[1]), place[2]) for place in wanted}

    def _holds(self, number: int, click_ms: int) -> bool:
        read = self._by_number.get(number)
        if read is None:
            return False
        if read.link is None:
            return self._clock() - read.read_ms < _FRESH_MS
        return click_ms <= read.read_ms - _MIRRORED_MS or self._clock() - read.read_ms < _MIRRORED_MS

    async def _read(self, numbers: Collection[int]) -> None:
        now_ms = self._clock()
        found = {
            link.number: link for link in await self._sink.ask("links", lambda ch: lookups.links_by_number(ch, numbers))
        }
        for number in numbers:
            known, link = self._by_number.get(number), found.get(number)
            asked_ms = known.asked_ms if known and not known.link else now_ms
            self._by_number.put(number, _Read(link, now_ms, asked_ms))
            if link:
                self._by_code.put(link.code, _Read(link, now_ms, now_ms))

    async def _links_by_code(self, codes: Collection[str]) -> dict[str, LinkFacts]:
        now_ms = self._clock()
        missing = [
            code for code in codes if (read := self._by_code.get(code)) is None or now_ms - read.read_ms > _FRESH_MS
        ]
        if missing:
            found = await self._sink.ask("links", lambda ch: lookups.links_by_code(ch, missing))
            for code in missing:
                self._by_code.put(code, _Read(None, now_ms, now_ms))
            for link in found:
                self._by_code.put(link.code, _Read(link, now_ms, now_ms))
        links = {code: read.link for code in codes if (read := self._by_code.get(code)) and read.link}
        self._by_code.trim()
        return links

    async def _guides_of(self, guide_ids: Collection[str]) -> dict[str, GuideFacts]:
        now_ms = self._clock()
        missing = [
            guide
            for guide in guide_ids
            if (known := self._guides.get(guide)) is None or now_ms - known.read_ms > _FRESH_MS
        ]
        _count("guides", len(guide_ids), len(missing))
        if missing:
            found = {
                one.guide_id: one for one in await self._sink.ask("guides", lambda ch: lookups.guides(ch, missing))
            }
            for guide in missing:
                self._guides.put(guide, _Guide(found.get(guide) or GuideFacts(guide, "", ""), now_ms))
        guides = {guide: known.guide for guide in guide_ids if (known := self._guides.get(guide))}
        self._guides.trim()
        return guides


def _facts(guide: GuideFacts | None, link: LinkFacts | None, named: Facts) -> Facts:
    return Facts(
        store_id=guide.store_id if guide else "",
        region_id=guide.region_id if guide else "",
        campaign_id=(link.campaign_id if link else "") or named.campaign_id,
        touchpoint=(link.touchpoint if link else "") or named.touchpoint,
    )


def _count(cache: str, asked: int, missed: int) -> None:
    metrics.LOOKUPS.labels(cache, "hit").inc(asked - missed)
    metrics.LOOKUPS.labels(cache, "miss").inc(missed)


def mentioned(properties: Mapping[str, object] | None) -> Facts:
    """What an event says itself about where it belongs."""
    if not properties or ("campaign" not in properties and "touchpoint" not in properties):
        return _NOTHING
    return Facts("", "", str(properties.get("campaign") or ""), str(properties.get("touchpoint") or ""))


_NOTHING: Final = Facts()
