"""All ids of one person, as far as the tables know."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from stream.base.errors import InputError
from stream.sink.clickhouse import ClickHouse
from stream.sink.customers import aliases

MOST_IDS: Final = 100
"""Of one person, or of one phone number; more is a mistake, and to erase them would take somebody else's with them."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is erased together."""

    customers: tuple[str, ...] = ()
    visitors: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    """Hashes of one phone number, one for each live key."""

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
    rows = await clickhouse.query(
        """
        SELECT DISTINCT visitor_id FROM conversions
        WHERE customer_id IN {ids:Array(String)} AND visitor_id != ''
        UNION DISTINCT
        SELECT DISTINCT visitor_id FROM clicks WHERE click_id IN (
            -- The rule `guide` names a click that may be anybody's.
            SELECT arrayJoin([if(attribution = 'guide', '', click_id), first_click_id, token]) FROM conversions
            WHERE customer_id IN {ids:Array(String)}
            UNION ALL
            SELECT arrayJoin([first_click_id, last_click_id]) FROM customer_states
            WHERE customer_id IN {ids:Array(String)}
        ) AND click_id != '' AND visitor_id != ''
        """,
        {"ids": ids},
    )
    visitors = tuple(sorted(visitor for (visitor,) in rows))
    _check(len(ids) + len(visitors))
    return Person(customers=tuple(ids), visitors=visitors)


async def of_phone(clickhouse: ClickHouse, hashes: Sequence[str]) -> Person:
    """Whoever gave a phone number, given its hashes.

    Raises:
        InputError: that many cannot be one person.
    """
    rows = await clickhouse.query(
        "SELECT DISTINCT customer_id, visitor_id FROM conversions "
        "WHERE arrayExists(hash -> position(properties, hash) > 0, {hashes:Array(String)})",
        {"hashes": list(hashes)},
    )
    customers = {customer for customer, _ in rows if customer}
    _check(len(customers))
    found = await of_customers(clickhouse, customers)
    visitors = tuple(sorted({*found.visitors, *(visitor for _, visitor in rows if visitor)}))
    _check(len(found.customers) + len(visitors))
    return Person(found.customers, visitors, tuple(hashes))


async def last_click_ms(clickhouse: ClickHouse, visitor_ids: Sequence[str]) -> int:
    """When one of these browsers clicked last, milliseconds since 1970 UTC; 0 when none did."""
    rows = await clickhouse.query(
        "SELECT max(toUnixTimestamp64Milli(event_time)) FROM clicks WHERE visitor_id IN {ids:Array(String)}",
        {"ids": list(visitor_ids)},
    )
    return int(rows[0][0])


def _check(ids: int) -> None:
    if ids > MOST_IDS:
        raise InputError(f"this leads to more than {MOST_IDS} ids, which cannot be one person: erase them one by one")
