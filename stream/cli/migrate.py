"""`guidestream migrate`."""

import asyncio
from typing import Annotated

import typer

from stream.base.settings import load
from stream.cli.waiting import connected
from stream.embedded.ports import located

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_DDL_TIMEOUT_MS = 600_000
"""A statement on a cluster waits for every replica, and one on a big table for its mutation."""


@app.command()
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the statements, change nothing")] = False,  # noqa: FBT002 - a flag of a command line
) -> None:
    """Bring the ClickHouse schema, its views, its retention and its BI user up to date; safe to repeat."""
    asyncio.run(_migrate(dry_run=dry_run))


async def _migrate(*, dry_run: bool) -> None:
    from stream.sink.migrate import migrate as apply  # noqa: PLC0415 - the command line loads only what it runs

    settings = located(load())
    timeout_ms = max(settings.clickhouse.timeout_ms, _DDL_TIMEOUT_MS)
    async with await connected(settings, database="", timeout_ms=timeout_ms) as clickhouse:
        await apply(clickhouse, settings, dry_run=dry_run, report=typer.echo)


apps = {"migrate": app}
