"""`guidestream broker`: the embedded Kafka broker of this machine."""

import typer

from stream.base import log, settings

broker = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"broker": broker}


@broker.command()
def run() -> None:
    """Run one node of real Apache Kafka on 127.0.0.1 until SIGTERM or Ctrl-C; data is kept below data.dir."""
    from stream.embedded.broker import node  # noqa: PLC0415 - loads only when called for

    current = settings.load()
    log.configure(process="broker", level=current.log.level)
    node.serve(current)
