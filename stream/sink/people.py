"""All ids of one person, as far as the tables know."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.erasure import ERASED
from stream.base.errors import InputError
from stream.sink import external
from stream.sink.clickhouse import ClickHouse
from stream.sink.customers import aliases

MOST_IDS: Final = 100
"""Of one person, or of one phone number; more is a mistake, and to erase them would take somebody else's with them."""

MOST_CLICKS: Final = 100_000
"""Of one person; whoever clicks more is a machine, or many people behind one address."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is erased together."""

    customers: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    """Hashes of one phone number, one for each live key."""
    clicks: tuple[str, ...] = ()
    """Clicks that their events name; all clicks of their browsers are theirs besides, see `clicks_of`."""

    @property
    def ids(self) -> int:
        """How many ids they have."""
        return len(self.customers) + len(self.visitors)


async def of_customers(clickhouse: ClickHouse, customer_ids: Collection[str]) -> Person:
    """Customers under all their ids, and the browsers that their events and their clicks came from.

    Raises:
        InputError: that many cannot be one person.
    """
    known, new = set[str](), set(customer_ids)
    while new:
        known |= new
        _check(len(known))
        said = await aliases(clickhouse, new)
        new = {each for one in said for each in (one.alias, one.customer_id)} - known
    ids = sorted(known)
    clicks = await clickhouse.query(
        """
        SELECT DISTINCT arrayJoin(ids) AS click_id FROM (
            -- The rule `guide` names a click that may be anybody's.
            SELECT if(attribution = 'guide', [token], [click_id, first_click_id, token]) AS ids FROM conversions
            WHERE customer_id IN {ids:Array(String)}
            UNION ALL
            SELECT [first_click_id, last_click_id] FROM customer_rows
            WHERE customer_id IN {ids:Array(String)}
        ) WHERE click_id != ''
        """,
        {"ids": ids},
    )
    visitors = await clickhouse.query(
        """
        SELECT DISTINCT visitor_id FROM conversions
        WHERE customer_id IN {ids:Array(String)} AND visitor_id != ''
        UNION DISTINCT
        SELECT DISTINCT visitor_id FROM clicks WHERE click_id IN own_clicks AND visitor_id != ''
        """,
        {"ids": ids},
        tables={"own_clicks": external.texts(click for (click,) in clicks)},
    )
    browsers = await _own_ids(clickhouse, {visitor for (visitor,) in visitors})
    return _person(known, browsers, {click for (click,) in clicks})


async def of_phone(clickhouse: ClickHouse, hashes: Sequence[str]) -> Person:
    """Whoever gave a phone number, given its hashes.

    Raises:
        InputError: that many cannot be one person.
    """
    rows = await clickhouse.query(
        """
        WITH left_it AS (
            SELECT customer_id, visitor_id, token FROM conversions
            WHERE arrayExists(hash -> position(properties, hash) > 0, {hashes:Array(String)})
        )
        SELECT DISTINCT customer_id, visitor_id, if(customer_id = '' AND visitor_id = '', token, '') FROM left_it
        UNION DISTINCT
        SELECT '', visitor_id, '' FROM clicks
        WHERE click_id IN (SELECT token FROM left_it WHERE customer_id = '' AND token != '')
        """,
        {"hashes": list(hashes)},
    )
    customers, visitors, clicks = ({row[place] for row in rows if row[place]} for place in range(3))
    _check(len(customers))
    found = await of_customers(clickhouse, customers)
    browsers = await _own_ids(clickhouse, visitors.union(found.visitors))
    return _person(found.customers, browsers, clicks.union(found.clicks), tuple(hashes))


async def clicks_of(clickhouse: ClickHouse, visitor_ids: Collection[str], before_ms: int) -> set[str]:
    """The clicks of some browsers before a moment, milliseconds since 1970 UTC.

    Raises:
        InputError: that many cannot be one person.
    """
    rows = await clickhouse.query(
        "SELECT DISTINCT click_id FROM clicks WHERE visitor_id IN {ids:Array(String)} "
        "AND event_time < fromUnixTimestamp64Milli({before:Int64}, 'UTC') LIMIT {most:UInt32}",
        {"ids": list(visitor_ids), "before": before_ms, "most": MOST_CLICKS + 1},
    )
    _check_clicks(len(rows))
    return {click for (click,) in rows}


async def last_click_ms(clickhouse: ClickHouse, visitor_ids: Sequence[str]) -> int:
    """When one of these browsers clicked last, milliseconds since 1970 UTC; 0 when none did."""
    rows = await clickhouse.query(
        "SELECT max(toUnixTimestamp64Milli(event_time)) FROM clicks WHERE visitor_id IN {ids:Array(String)}",
        {"ids": list(visitor_ids)},
    )
    return int(rows[0][0])


async def _own_ids(clickhouse: ClickHouse, visitor_ids: Collection[str]) -> set[str]:
    """The browsers, by their own ids where clicks are under a word already: of a run that was cut short.

    Rows of type `erased` are changed with the person's other events, and say until then whose word it is.
    """
    words = [one for one in visitor_ids if one.startswith(f"{ERASED}:")]
    if not words:
        return set(visitor_ids)
    told = await clickhouse.query(
        "SELECT DISTINCT JSONExtractString(properties, 'pseudonym') AS word, visitor_id FROM conversions "
        "WHERE type = {erased:String} AND visitor_id != '' AND word IN {words:Array(String)}",
        {"erased": ERASED, "words": words},
    )
    return {*visitor_ids, *(visitor for _, visitor in told)} - {word for word, _ in told}


def _person(
    customers: Iterable[str], visitors: Iterable[str], clicks: Collection[str], phones: tuple[str, ...] = ()
) -> Person:
    found = Person(tuple(sorted(customers)), tuple(sorted(visitors)), phones, tuple(sorted(clicks)))
    _check(found.ids)
    _check_clicks(len(clicks))
    return found


def _check(ids: int) -> None:
    if ids > MOST_IDS:
        raise InputError(f"this leads to more than {MOST_IDS} ids, which cannot be one person: erase them one by one")


def _check_clicks(clicks: int) -> None:
    if clicks > MOST_CLICKS:
        raise InputError(f"this leads to more than {MOST_CLICKS} clicks, which cannot be one person's")
