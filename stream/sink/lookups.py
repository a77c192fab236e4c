"""Questions that credit needs answers to, a batch at a time: links, guides, clicks that an event may follow from."""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from schemas.attribution import SKEW_MS, Touch
from stream.sink import external
from stream.sink.clickhouse import ClickHouse

_MINUTE_S: Final = 60
CLICKS_OF_A_VISITOR: Final = 50
"""The last one before an event is wanted; a batch may hold events of several times."""
_LINKS_OF_A_GUIDE: Final = 2
"""Two different links leave open which it was: no more need be known."""


class LinkFacts(NamedTuple):
    """What credit needs of a link."""

    code: str
    number: int
    owners: tuple[tuple[str, int], ...]
    """(guide, from when on), ascending."""
    campaign_id: str
    touchpoint: str
    has_variants: bool

    def owner_at(self, at_ms: int) -> str:
        """The guide who owned the link at that time, or an empty string."""
        guide = ""
        for owner, since_ms in self.owners:
            if since_ms > at_ms:
                break
            guide = owner
        return guide


class GuideFacts(NamedTuple):
    """Where a guide works now."""

    guide_id: str
    store_id: str
    region_id: str


async def links_by_number(clickhouse: ClickHouse, numbers: Iterable[int]) -> list[LinkFacts]:
    """Links by the number that tokens carry; of one that was deleted its last state."""
    return await _links(clickhouse, "number", external.numbers(sorted(set(numbers))))


async def links_by_code(clickhouse: ClickHouse, codes: Iterable[str]) -> list[LinkFacts]:
    """Links by their code, likewise."""
    return await _links(clickhouse, "link", external.texts(sorted(set(codes))))


async def _links(clickhouse: ClickHouse, column: str, values: external.Table) -> list[LinkFacts]:
    rows = await clickhouse.query(
        "SELECT link, number, arrayMap(o -> (o.1, toUnixTimestamp64Milli(o.2)), owners), campaign_id, "
        f"toString(touchpoint), notEmpty(variants), version FROM links WHERE {column} IN given AND NOT deleted",
        tables={"given": values},
    )
    found: dict[str, tuple[int, LinkFacts]] = {}
    for code, number, owners, campaign, touchpoint, has_variants, version in rows:
        if code not in found or found[code][0] < version:
            by_time = tuple((guide, int(since_ms)) for guide, since_ms in owners)
            facts = LinkFacts(code, int(number), by_time, campaign, touchpoint, bool(has_variants))
            found[code] = (int(version), facts)
    return [facts for _, facts in found.values()]


async def guides(clickhouse: ClickHouse, guide_ids: Iterable[str]) -> list[GuideFacts]:
    """Store and region of some guides; one that is not known is left out."""
    rows = await clickhouse.query(
        """
        SELECT g.guide_id, g.store_id, s.region_id
        FROM (SELECT guide_id, store_id FROM guides FINAL WHERE guide_id IN given) AS g
        LEFT JOIN (SELECT store_id, region_id FROM stores FINAL) AS s ON g.store_id = s.store_id
        """,
        tables={"given": external.texts(sorted(set(guide_ids)))},
    )
    return [GuideFacts(*row) for row in rows]


class ClickFacts(NamedTuple):
    """What the edge stamped on a click."""

    link: str
    guide_id: str
    variant: str


async def clicks_by_id(clickhouse: ClickHouse, clicks: Collection[tuple[str, int]]) -> dict[str, ClickFacts]:
    """Some clicks, given (click id, when by its token), those whose row is there."""
    # A click whose edge was ahead of the broker's clock was set back, by minutes at most.
    minutes = {at_ms // 60_000 * _MINUTE_S - back * _MINUTE_S for _, at_ms in clicks for back in range(6)}
    rows = await clickhouse.query(
        "SELECT click_id, link, guide_id, variant FROM clicks "
        "WHERE toUnixTimestamp(toStartOfMinute(event_time)) IN minutes AND click_id IN ids",
        tables={
            "minutes": external.numbers(sorted(minutes)),
            "ids": external.texts(sorted({click_id for click_id, _ in clicks})),
        },
    )
    return {click_id: ClickFacts(*facts) for click_id, *facts in rows}


async def last_clicks(
    clickhouse: ClickHouse, visitor_ids: Iterable[str], since_ms: int, until_ms: int
) -> dict[str, list[Touch]]:
    """Human redirected clicks of some visitors in a stretch of time, ascending, of each visitor the last 50."""
    rows = await clickhouse.query(
        f"""
        SELECT visitor_id, {_TOUCH} FROM clicks
        WHERE visitor_id IN given AND {_HUMAN}
            AND event_time BETWEEN fromUnixTimestamp64Milli({{since:Int64}}, 'UTC')
                AND fromUnixTimestamp64Milli({{until:Int64}}, 'UTC')
        ORDER BY visitor_id, event_time DESC, click_id DESC
        LIMIT {CLICKS_OF_A_VISITOR} BY visitor_id
        """,
        {"since": since_ms, "until": until_ms},
        tables={"given": external.texts(sorted(set(visitor_ids)))},
    )
    found: dict[str, list[Touch]] = {}
    for visitor, *touch in reversed(rows):
        found.setdefault(visitor, []).append(_touch(*touch))
    return found


async def clicks_at(
    clickhouse: ClickHouse, moments: Collection[tuple[str, int]], within_ms: int
) -> dict[str, list[Touch]]:
    """The last such click of a visitor before each of some moments (visitor, when), ascending by visitor."""
    rows = await clickhouse.query(
        f"""
        SELECT visitor_id, argMax(({_TOUCH}), (event_time, click_id))
        FROM clicks
        INNER JOIN (SELECT value AS visitor, fromUnixTimestamp64Milli(at_ms, 'UTC') AS at FROM moments) AS m
            ON clicks.visitor_id = m.visitor
        WHERE visitor_id IN (SELECT value FROM moments) AND {_HUMAN}
            AND event_time BETWEEN at - toIntervalMillisecond({{within:Int64}})
                AND at + toIntervalMillisecond({{skew:Int64}})
        GROUP BY visitor_id, at
        """,
        {"within": within_ms, "skew": SKEW_MS},
        tables={"moments": external.moments(sorted(moments))},
    )
    found: dict[str, set[Touch]] = {}
    for visitor, touch in rows:
        found.setdefault(visitor, set()).add(_touch(*touch))
    return {visitor: sorted(touches) for visitor, touches in found.items()}


async def guide_clicks(
    clickhouse: ClickHouse, moments: Collection[tuple[str, int]], within_ms: int
) -> dict[str, list[Touch]]:
    """Human redirected clicks on wecom_* links of guides before some moments of theirs (guide, when), ascending.

    Of each link the last two clicks of a minute: enough to see whether one link, or one click, stands alone.
    """
    minutes = {
        minute * _MINUTE_S
        for _, at_ms in moments
        for minute in range((at_ms - within_ms) // 60_000, (at_ms + SKEW_MS) // 60_000 + 1)
    }
    rows = await clickhouse.query(
        f"""
        SELECT guide_id, {_TOUCH} FROM clicks
        WHERE toUnixTimestamp(toStartOfMinute(event_time)) IN minutes
            AND guide_id IN guides AND startsWith(destination_kind, 'wecom_') AND {_HUMAN}
        ORDER BY event_time DESC
        LIMIT {_LINKS_OF_A_GUIDE} BY guide_id, link, toStartOfMinute(event_time)
        """,
        tables={
            "minutes": external.numbers(sorted(minutes)),
            "guides": external.texts(sorted({guide for guide, _ in moments})),
        },
    )
    found: dict[str, set[Touch]] = {}
    for guide, *touch in rows:
        found.setdefault(guide, set()).add(_touch(*touch))
    return {guide: sorted(touches) for guide, touches in found.items()}


_TOUCH: Final = "toUnixTimestamp64Milli(event_time), click_id, link, guide_id, variant"
_HUMAN: Final = "is_human AND outcome = 'redirected'"


def _touch(at_ms: int, click_id: str, link: str, guide_id: str, variant: str) -> Touch:
    return Touch(int(at_ms), click_id, link, guide_id, variant)
