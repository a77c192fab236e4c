"""`guidestream config`: settings in force and where each came from."""

import dataclasses
import os
from collections.abc import Iterable
from itertools import groupby
from typing import Annotated

import orjson
import typer

from stream.base import settings
from stream.base.settings_reference import Entry, entries, markdown

config = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"config": config}


@config.command()
def run(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON array, for scripts")] = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="the reference of all settings and their defaults")
    ] = False,
) -> None:
    """Show every setting: its value, where that came from, what it means; secrets are never shown.

    Wrong settings are all named at once, with exit code 2.
    """
    if as_markdown:
        typer.echo(markdown(), nl=False)
        return
    loaded = settings.load()
    found = list(entries(loaded, os.environ))
    if as_json:
        typer.echo(orjson.dumps([dataclasses.asdict(entry) for entry in found]).decode())
        return
    typer.echo(text(found), nl=False)
    if loaded.wecom.config_file:
        from stream.wecom.config import load, shown  # noqa: PLC0415 - its cryptography loads only when called for

        typer.echo("\n".join(("", "[WeCom callbacks]", *shown(load(loaded.wecom.config_file)))))
    if loaded.webhooks.config_file:
        from stream.api import webhook_sources  # noqa: PLC0415 - the command line loads only what it runs

        sources = webhook_sources.load_sources(loaded).values()
        typer.echo("\n".join(("", "[Webhooks]", *map(webhook_sources.shown, sources))))


def text(found: Iterable[Entry]) -> str:
    """One line for each setting, a heading for each section; what the environment set is marked."""
    lines: list[str] = []
    for section, group in groupby(found, key=lambda entry: entry.section):
        lines.append(f"[{section}]")
        for entry in group:
            mark = "*" if entry.source == "environment" else " "
            allowed = f" ({entry.allowed})" if entry.allowed else ""
            lines.append(f"{mark} {entry.variable}={entry.value}")
            lines.append(f"      {entry.meaning}{allowed}")
        lines.append("")
    lines.append("* from the environment; all others are defaults")
    return "\n".join(lines) + "\n"
