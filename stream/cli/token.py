"""`guidestream token`: read a click token."""

from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer

from schemas.token import MalformedTokenError, verify
from stream.base import settings
from stream.base.errors import TokenError
from stream.base.token_keys import token_keys

token = typer.Typer(no_args_is_help=True)
apps = {"token": token}


@token.callback()
def _root() -> None:
    """Click tokens: what a link hands on with each click, and what a conversion brings back."""


@token.command(context_settings={"ignore_unknown_options": True})  # a token may begin with a minus sign
def inspect(
    text: Annotated[str, typer.Argument(metavar="TOKEN", help="30 characters")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object, for scripts")] = False,
) -> None:
    """Check a token with the keys in force and say what it names; exit 1 with the reason when it is not valid."""
    config = settings.load()
    try:
        read = verify(text, token_keys(config).by_id)
    except MalformedTokenError as error:
        if as_json:
            typer.echo(orjson.dumps({"valid": False, "reason": str(error)}).decode())
            raise typer.Exit(1) from error
        raise TokenError(f"not a valid click token: {error}") from error
    at = datetime.fromtimestamp(read.at_ms / 1000, UTC)
    fields = {
        "valid": True,
        "link_number": read.link_number,
        "at_ms": read.at_ms,
        "utc": at.isoformat(timespec="milliseconds"),
        "local": at.astimezone(config.brand.zone).isoformat(timespec="milliseconds"),
        "timezone": config.brand.timezone,
        "edge": read.edge,
        "counter": read.counter,
        "key_id": read.key_id,
    }
    if as_json:
        typer.echo(orjson.dumps(fields).decode())
    else:
        typer.echo("\n".join(f"{name:<12} {'yes' if value is True else value}" for name, value in fields.items()))
