"""`guidestream edge`: the redirect edge."""

import typer

from stream.base import log, settings

edge = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"edge": edge}


@edge.command()
def run() -> None:
    """Answer short links until SIGTERM or Ctrl-C; clicks are kept in a spool below data.dir and shipped to Kafka."""
    from stream.edge import process  # noqa: PLC0415 - loads only when called for

    current = settings.load()
    log.configure(process="edge", level=current.log.level)
    process.serve(current)
