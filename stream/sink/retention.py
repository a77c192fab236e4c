"""How long rows that name people stay: each table's setting is its TTL in ClickHouse, altered when the two differ.

Windows and sketches name nobody and stay, and so do certificates of erasures.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from schemas.topics import CLICKS, CONVERSIONS
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from stream.sink.sql import Target, render


class Kept(NamedTuple):
    """What decides how long a table's rows are kept."""

    setting: str
    """In the section `clickhouse`, days; 0 for ever."""
    column: str
    """The time that the days are counted from."""


TABLES: Final[Mapping[str, Kept]] = {
    "clicks": Kept("raw_ttl_days", "received_at"),
    "conversions": Kept("conversions_ttl_days", "received_at"),
    "dead_letters": Kept("dead_letters_ttl_days", "received_at"),
    "duplicates": Kept("duplicates_ttl_days", "received_at"),
    "customer_states": Kept("customers_ttl_days", "updated_at"),
    "customer_aliases": Kept("aliases_ttl_days", "occurred_at"),
}
CUSTOMERS: Final = "customer_states"
_TTL: Final = re.compile(r"\bTTL toDateTime\((\w+)\) \+ toIntervalDay\((\d+)\)")


def kept_days(settings: Settings) -> dict[str, int]:
    """Days that raw rows of topics, and customers, are kept; 0: for ever. Windows are recounted until a day less."""
    return {name: _days(settings, name) for name in (CLICKS, CONVERSIONS, CUSTOMERS)}


async def apply(clickhouse: ClickHouse, settings: Settings) -> list[str]:
    """Give every table the TTL of its setting; returns a line for each that was changed."""
    where = settings.clickhouse
    target = Target(where.database, where.cluster, settings.brand.timezone)
    rows = await clickhouse.query(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = {database:String} AND name IN {names:Array(String)}",
        {"database": where.database, "names": list(TABLES)},
    )
    changed = []
    for name, definition in sorted(rows):
        column, days = TABLES[name].column, _days(settings, name)
        found = _TTL.search(definition)
        if (found is None and not days) or (found and found.groups() == (column, str(days))):
            continue
        change = f"MODIFY TTL toDateTime({column}) + INTERVAL {days} DAY" if days else "REMOVE TTL"
        await clickhouse.command(render(f"ALTER TABLE {{database}}.{name} {{on_cluster}} {change}", target))
        changed.append(f"{name}: rows are kept {f'{days} days' if days else 'for ever'}")
    return changed


def _days(settings: Settings, table: str) -> int:
    days: int = getattr(settings.clickhouse, TABLES[table].setting)
    return days
