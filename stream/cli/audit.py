"""`guidestream audit`: recount windows and customers from raw rows and from Kafka, name what differs."""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from stream.base import clock, settings
from stream.cli.waiting import connected, kafka, waiting
from stream.embedded.ports import located

if TYPE_CHECKING:
    from stream.sink.audit import AuditReport

app = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"audit": app}

_TIMEOUT_MS = 600_000
"""A recount of everything may take minutes."""


@app.command()
def run(
    hours: Annotated[int, typer.Option(min=1, help="look at the last hours only")] = 24,
    full: Annotated[bool, typer.Option("--full", help="look at everything that is kept")] = False,  # noqa: FBT002 - a flag
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Compare windows and customers with raw rows, and raw rows with Kafka; exit 1 if anything differs."""
    report = asyncio.run(_audit(None if full else hours))
    if as_json:
        typer.echo(orjson.dumps(report.as_dict()).decode())
    else:
        typer.echo("\n".join(report.lines()))
    raise typer.Exit(1 if report.difference else 0)


async def _audit(hours: int | None) -> "AuditReport":
    from stream.sink import retention  # noqa: PLC0415 - the command line loads only what it runs
    from stream.sink.audit import audit  # noqa: PLC0415
    from stream.sink.kafka_log import ANSWER_S, open_log  # noqa: PLC0415

    current = located(settings.load())
    timeout_ms = max(current.clickhouse.timeout_ms, _TIMEOUT_MS)
    async with await connected(current, timeout_ms=timeout_ms) as clickhouse, AsyncExitStack() as stack:
        with waiting(kafka(current), ANSWER_S):
            log = await stack.enter_async_context(open_log(current))
        return await audit(
            clickhouse, log, now_ms=clock.wall_clock(), hours=hours, kept_days=retention.kept_days(current)
        )
