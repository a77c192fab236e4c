"""`guidestream topics`: create or check the Kafka topics."""

import asyncio
from typing import Annotated

import typer

from stream.base import settings
from stream.base.kafka import ANSWER_S
from stream.cli.waiting import kafka, waiting
from stream.embedded.ports import located

topics = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"topics": topics}


@topics.command()
def run(
    *,
    apply: Annotated[
        bool, typer.Option("--apply", help="also set configurations that differ to what the settings say")
    ] = False,
) -> None:
    """Create missing topics, raise partition counts, and report configurations that differ."""
    from stream.base.topics import ensure_topics  # noqa: PLC0415 - loads only when called for

    current = located(settings.load())
    with waiting(kafka(current), ANSWER_S):
        report = asyncio.run(ensure_topics(current, apply=apply))
    for name in report.created:
        typer.echo(f"created {name}")
    for name in report.raised:
        typer.echo(f"raised the number of partitions of {name}")
    for item in report.differences:
        end = "set" if item.fixed else "Kafka cannot lower it" if item.what == "partitions" else "left; --apply sets it"
        typer.echo(f"{item.topic}: {item.what} is {item.found}, the settings say {item.wanted}: {end}")
    if not (report.created or report.raised or report.differences):
        typer.echo("all topics are as the settings say")
