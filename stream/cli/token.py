"""`guidestream token`: read a click token."""

from datetime import UTC, datetime
from typing import Annotated

import orjson
import typer

from schemas.token import MalformedTokenError, unverified, verify
from stream.base import settings
from stream.base.errors import TokenError
from stream.base.token_keys import known_token_keys

token = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
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
    """Check a token with the keys in force and say what it names; exit 1 with the reason when it is not valid.

    Where there are no keys to check it with, it is shown unverified, with exit code 1.
    """
    config = settings.load()
    keys = known_token_keys(config)
    try:
        read = verify(text, keys.by_id) if keys else unverified(text)
    except MalformedTokenError as error:
        if as_json:
            typer.echo(orjson.dumps({"valid": False, "reason": str(error)}).decode())
            raise typer.Exit(1) from error
        raise TokenError(f"not a valid click token: {error}") from error
    at = datetime.fromtimestamp(read.at_ms / 1000, UTC)
    fields = {
        "valid": True if keys else None,
        "link_number": read.link_number,
        "at_ms": read.at_ms,
        "utc": at.isoformat(timespec="milliseconds"),
        "local": at.astimezone(config.brand.zone).isoformat(timespec="milliseconds"),
        "timezone": config.brand.timezone,
        "edge": read.edge,
        "counter": read.counter,
        "key_id": read.key_id,
    }
    if keys is None:
        fields["reason"] = (
            f"not verified, anybody can have made it: there are no keys below {config.data.dir} and "
            "GUIDESTREAM_TOKEN_KEYS is empty"
        )
    if as_json:
        typer.echo(orjson.dumps(fields).decode())
    else:
        shown = fields | {"valid": "yes" if keys else "unknown"}
        typer.echo("\n".join(f"{name:<12} {value}" for name, value in shown.items()))
    raise typer.Exit(0 if keys else 1)
