"""`guidestream warehouse`."""

import typer

warehouse = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"warehouse": warehouse}


@warehouse.command()
def run() -> None:
    """Run the embedded ClickHouse engine behind its HTTP interface, until SIGTERM or Ctrl-C."""
    import asyncio  # noqa: PLC0415 - commands that need none of this must start fast

    from stream.base import log  # noqa: PLC0415
    from stream.base.settings import load  # noqa: PLC0415
    from stream.embedded.warehouse import run as process  # noqa: PLC0415

    settings = load()
    log.configure(process="warehouse", level=settings.log.level)
    asyncio.run(process.run(settings))
