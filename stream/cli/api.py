"""`guidestream api`: run the HTTP API."""

import typer

from stream.base import log, settings

api = typer.Typer(add_completion=False)
apps = {"api": api}


@api.callback(invoke_without_command=True)
def run() -> None:
    """Answer until SIGTERM or Ctrl-C: health, and the registry to read. Its document is at /openapi.json."""
    import asyncio  # noqa: PLC0415 - these load only when called for

    from stream.api.process import serve  # noqa: PLC0415

    config = settings.load()
    log.configure(process="api", level=config.log.level)
    asyncio.run(serve(config))
