"""How long raw rows stay: the setting is a table TTL in ClickHouse, altered when the two differ."""

import re

from schemas.topics import CLICKS, CONVERSIONS
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from stream.sink.sql import Target, render

TABLES = ("clicks", "dead_letters", "duplicates")
"""Tables of single events, which name visitors. Windows, orders and registry rows stay."""

_TTL = re.compile(r"\bTTL toDateTime\(received_at\) \+ toIntervalDay\((\d+)\)")


def kept_days(settings: Settings) -> dict[str, int]:
    """How long raw rows of each topic are kept; 0 for ever."""
    return {CLICKS: settings.clickhouse.raw_ttl_days, CONVERSIONS: 0}


async def apply(clickhouse: ClickHouse, settings: Settings) -> list[str]:
    """Give every raw table the TTL of `clickhouse.raw_ttl_days`; returns a line for each that was changed."""
    where = settings.clickhouse
    target = Target(where.database, where.cluster, settings.brand.timezone)
    rows = await clickhouse.query(
        "SELECT name, create_table_query FROM system.tables "
        "WHERE database = {database:String} AND name IN {names:Array(String)}",
        {"database": where.database, "names": list(TABLES)},
    )
    changed = []
    for name, definition in sorted(rows):
        found = _TTL.search(definition)
        days = int(found[1]) if found else 0
        if days == where.raw_ttl_days:
            continue
        change = (
            f"MODIFY TTL toDateTime(received_at) + INTERVAL {where.raw_ttl_days} DAY"
            if where.raw_ttl_days
            else "REMOVE TTL"
        )
        await clickhouse.command(render(f"ALTER TABLE {{database}}.{name} {{on_cluster}} {change}", target))
        changed.append(f"{name}: rows are kept {where.raw_ttl_days or 'for ever'}{' days' * bool(where.raw_ttl_days)}")
    return changed
