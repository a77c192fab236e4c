"""`guidestream worker`: the stream worker."""

import typer

worker = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"worker": worker}


@worker.command()
def run() -> None:
    """Run a stream worker until SIGTERM or Ctrl-C; several share the partitions between them."""
    from stream.base import log, settings  # noqa: PLC0415 - loads only when called for
    from stream.worker.process import serve  # noqa: PLC0415

    current = settings.load()
    log.configure(process="worker", level=current.log.level)
    serve(current)
