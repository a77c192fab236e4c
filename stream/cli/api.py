"""`guidestream api`: run the HTTP API."""

import typer

from stream.base import log, settings

api = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"api": api}


@api.command()
def run() -> None:
    """Take events in (POST /v1/events, webhooks, WeCom, landing pages) until SIGTERM or Ctrl-C; see /openapi.json."""
    import asyncio  # noqa: PLC0415 - these load only when called for

    from stream.api.process import serve  # noqa: PLC0415

    config = settings.load()
    log.configure(process="api", level=config.log.level)
    asyncio.run(serve(config))
