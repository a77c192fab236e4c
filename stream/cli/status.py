"""`guidestream status`: processes, lag, freshness, spool."""

import asyncio
import dataclasses
import logging
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from stream.base import settings
from stream.base.clock import wall_clock
from stream.embedded.ports import located

if TYPE_CHECKING:
    from stream.embedded.status import Finding

status = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"status": status}


@status.command()
def run(*, as_json: Annotated[bool, typer.Option("--json", help="one JSON object, for scripts")] = False) -> None:
    """Say how each part is; exit 0 when all are well, 1 when one is not."""
    from stream.embedded import status as parts  # noqa: PLC0415 - loads only when called for

    logging.disable()  # what is down is said below, once, and not by each library as well
    findings = asyncio.run(parts.status(located(settings.load()), wall_clock()))
    healthy = all(finding.healthy for finding in findings)
    if as_json:
        found = {"healthy": healthy, "parts": [dataclasses.asdict(finding) for finding in findings]}
        typer.echo(orjson.dumps(found, option=orjson.OPT_NON_STR_KEYS).decode())
    else:
        typer.echo(text(findings))
    raise typer.Exit(0 if healthy else 1)


def text(findings: "list[Finding]") -> str:
    """A line for each part, those that are not well marked."""
    width = max(len(finding.part) for finding in findings)
    return "\n".join(
        f"{'ok  ' if finding.healthy else 'DOWN'}  {finding.part:<{width}}  {finding.says}" for finding in findings
    )
