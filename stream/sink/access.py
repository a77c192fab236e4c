"""The read-only user for BI: may read the `bi_*` views and nothing else.

The views run with the rights of the user who migrated (their definer), so whoever reads one needs no right on the
tables behind it, and the definer must not be dropped while they are in use.

A server keeps it as SQL access entities, made here. The embedded warehouse has no such store; it knows the same user
from the same settings and guards it itself.
"""

import secrets
from hashlib import sha256

from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse, QueryError
from stream.sink.sql import Target, render

_ACCESS_DENIED = 497

_LIMITS = (
    # 2, not 1: drivers and BI tools send settings of their own with every query.
    "readonly = 2",
    # A dashboard's query that takes longer than this is a mistake, and must not slow down the worker's inserts.
    "max_execution_time = 120 MAX 120",
    "max_memory_usage = 8000000000 MAX 8000000000",
)


async def apply(clickhouse: ClickHouse, settings: Settings) -> list[str]:
    """Create the BI user, set its password and limits, let it read every `bi_*` view; returns lines for people.

    Raises:
        QueryError: the writing user may not manage access; says what to grant or to leave empty.
    """
    where = settings.clickhouse
    password = where.bi_password.get_secret_value()
    if not await _keeps_users(clickhouse):
        return []
    if not password:
        return ["no BI user was made: GUIDESTREAM_CLICKHOUSE_BI_PASSWORD is empty"]
    target = Target(where.database, where.cluster, settings.brand.timezone)
    # Hashed here, so that no log of the server's ever holds the password.
    salt = secrets.token_hex(16)
    digest = sha256((password + salt).encode()).hexdigest()
    identity = f"IDENTIFIED WITH sha256_hash BY '{digest}' SALT '{salt}' SETTINGS {', '.join(_LIMITS)}"
    views = await clickhouse.query(
        "SELECT name FROM system.tables WHERE database = {database:String} AND startsWith(name, 'bi_') ORDER BY name",
        {"database": where.database},
    )
    try:
        await clickhouse.command(render(f"CREATE USER IF NOT EXISTS {where.bi_user} {{on_cluster}} {identity}", target))
        await clickhouse.command(render(f"ALTER USER {where.bi_user} {{on_cluster}} {identity}", target))
        for (view,) in views:
            await clickhouse.command(
                render(f"GRANT {{on_cluster}} SELECT ON {{database}}.{view} TO {where.bi_user}", target)
            )
    except QueryError as error:
        if error.code != _ACCESS_DENIED:
            raise
        raise QueryError(
            f"user {where.user} may not make the BI user: grant it ACCESS MANAGEMENT and the right to pass SELECT on, "
            f"or make the user yourself and leave GUIDESTREAM_CLICKHOUSE_BI_PASSWORD empty ({error})",
            error.code,
        ) from error
    return [f"user {where.bi_user} may read {len(views)} views"]


async def _keeps_users(clickhouse: ClickHouse) -> bool:
    """Whether the server can store users made by SQL."""
    rows = await clickhouse.query("SELECT type FROM system.user_directories")
    return any(str(kind) in ("local_directory", "local directory", "replicated", "memory") for (kind,) in rows)
