"""`guidestream key`: who may call the HTTP API, and for what."""

import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from stream.base.clock import wall_clock
from stream.cli import registry_io as shared
from stream.cli.registry_io import AsJson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from schemas.registry import ApiKey
    from stream.registry.writer import Plan

key = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="API keys: add, list, show, disable, enable, delete. A running API knows of a change within about a second.",
)
apps = {"key": key}

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="ids of keys")]


@key.command()
def add(
    id_: Annotated[str, typer.Argument(metavar="ID", help="letters, digits, . and -; it is part of the key")],
    *,
    scope: Annotated[
        list[str], typer.Option(help="events:write or registry:read; may be repeated", show_default=False)
    ],
    name: Annotated[str, typer.Option(help="who holds it")] = "",
    as_json: AsJson = False,
) -> None:
    """Add a key and print it, this once: only a hash of it is kept."""
    from stream.registry.api_keys import (  # noqa: PLC0415 - Kafka's client loads only when called for
        SECRET_BYTES,
        key_text,
        new_key,
        plan_add,
    )

    current = shared.settings()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    made = shared.carry_out(current, plan_add(new_key(id_, name, scope, secret, wall_clock())))
    text = key_text(made.id, secret)
    if as_json:
        typer.echo(orjson.dumps({**_object(made), "key": text}).decode())
    else:
        typer.echo(text)
        typer.echo("keep it now: it is not shown again", err=True)


@key.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List keys."""
    keys = shared.state(shared.settings()).api_keys
    _show([keys[id_] for id_ in sorted(keys)], as_json=as_json)


@key.command()
def show(id_: Annotated[str, typer.Argument(metavar="ID", help="its id")], *, as_json: AsJson = False) -> None:
    """Show one key; its secret is nowhere."""
    from stream.registry.api_keys import find_key  # noqa: PLC0415 - Kafka's client loads only when called for

    _show([find_key(shared.state(shared.settings()), id_)], as_json=as_json)


@key.command()
def disable(ids: Ids) -> None:
    """Shut keys out, until they are enabled again."""
    from stream.registry.api_keys import plan_disabled  # noqa: PLC0415 - Kafka's client loads only when called for

    _change(plan_disabled(ids, disabled=True), "disabled")


@key.command()
def enable(ids: Ids) -> None:
    """Let disabled keys in again."""
    from stream.registry.api_keys import plan_disabled  # noqa: PLC0415 - Kafka's client loads only when called for

    _change(plan_disabled(ids, disabled=False), "enabled")


@key.command()
def delete(ids: Ids) -> None:
    """Delete keys for good."""
    from stream.registry.api_keys import plan_delete  # noqa: PLC0415 - Kafka's client loads only when called for

    _change(plan_delete(ids), "deleted")


def _change(plan: "Plan[list[ApiKey]]", done: str) -> None:
    changed = shared.carry_out(shared.settings(), plan)
    typer.echo(f"{done}: {', '.join(key.id for key in changed)}", err=True)


def _show(keys: "Sequence[ApiKey]", *, as_json: bool) -> None:
    found = [_object(key) for key in keys]
    if as_json:
        typer.echo(orjson.dumps(found).decode())
        return
    for one in found:
        state = "disabled" if one["disabled"] else "in force"
        typer.echo(f"{one['id']:<32}  {state}  {one['created']}  {' '.join(one['scopes'])}  {one['name']}")


def _object(key: "ApiKey") -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": list(key.scopes),
        "disabled": key.disabled,
        "created": datetime.fromtimestamp(key.created_ms / 1000, UTC).isoformat(timespec="seconds"),
    }
