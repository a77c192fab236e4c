"""`guidestream up`: everything on this machine."""

import asyncio

import typer

from stream.base import log, settings

up = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"up": up}


@up.command()
def run() -> None:
    """Run broker, warehouse, edge, api and worker on this machine, and Prometheus where it is found, until Ctrl-C.

    What dies is started again. One log, on standard error. A second Ctrl-C kills what is slow to stop.
    """
    from stream.embedded import up as process  # noqa: PLC0415 - loads only when called for

    current = settings.load()
    log.configure(process="up", level=current.log.level)
    asyncio.run(process.run(current))
