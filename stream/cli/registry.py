"""`guidestream store|guide|campaign|link`: look at the registry and change it."""

import sys
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from stream.base.clock import wall_clock
from stream.base.errors import InputError, RowsError
from stream.cli import registry_io as shared
from stream.cli import registry_links as links
from stream.cli.registry_io import AsJson, DryRun, Kind
from stream.registry.fields import FIELDS

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="ids; of links their codes")]
_ABOUT: Final[dict[Kind, str]] = {
    "store": "Stores (门店); a region is known by its stores.",
    "guide": "Guides (导购): who owns links and belongs to a store.",
    "campaign": "Campaigns (活动): what links are made for.",
    "link": "Short links (短链): code, destination, owner, rules.",
}
_MAX_FILE_BYTES: Final = 1024**3


def _add(app: typer.Typer, kind: Kind) -> None:
    @app.command("add", help=f"Add a {kind}.")
    @shared.with_fields(kind, leave_out=("id",))
    def add(
        *,
        id_: Annotated[str, typer.Argument(metavar="ID", help=FIELDS[kind][0].help)],
        texts: dict[str, str],
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        from stream.registry.plans import plan_add  # noqa: PLC0415 - Kafka's client loads only when called for

        current = shared.settings()
        patch = shared.patch(kind, texts | {"id": id_}, current)
        thing = shared.carry_out(current, plan_add(kind, patch, wall_clock()), dry_run=dry_run)
        shared.show_one(kind, thing, current, as_json=as_json)


def _update(app: typer.Typer, kind: Kind) -> None:
    @app.command("update", help=f"Change fields of {kind}s; those left out stay as they are, '' empties one.")
    @shared.with_fields(kind, leave_out=(FIELDS[kind][0].name,))
    def update(*, ids: Ids, texts: dict[str, str], dry_run: DryRun = False, as_json: AsJson = False) -> None:
        from stream.registry.plans import plan_update  # noqa: PLC0415 - Kafka's client loads only when called for

        current = shared.settings()
        patch = shared.patch(kind, texts, current)
        if not patch:
            raise InputError("nothing to change; give at least one field, see --help")
        results = shared.carry_out(current, plan_update(kind, ids, patch, wall_clock()), dry_run=dry_run)
        shared.show_results(kind, results, current, as_json=as_json)

    @app.command("disable", help=f"Take {kind}s out of use; what they did stays. Undone by update --disabled no.")
    def disable(ids: Ids, *, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        from stream.registry.plans import plan_update  # noqa: PLC0415 - Kafka's client loads only when called for

        current = shared.settings()
        plan = plan_update(kind, ids, {"disabled": True}, wall_clock())
        shared.show_results(kind, shared.carry_out(current, plan, dry_run=dry_run), current, as_json=as_json)


def _show(app: typer.Typer, kind: Kind) -> None:
    @app.command("show", help=f"Show all about one {kind}.")
    def show(
        id_: Annotated[str, typer.Argument(metavar="ID", help="its id; of a link its code")], *, as_json: AsJson = False
    ) -> None:
        from stream.registry.changes import Changes  # noqa: PLC0415 - Kafka's client loads only when called for

        current = shared.settings()
        thing = Changes(shared.state(current), wall_clock()).get(kind, id_)
        shared.show_one(kind, thing, current, as_json=as_json)

    @app.command("list", help=f"List {kind}s.")
    @shared.with_filters(kind)
    def list_(
        *,
        wanted: dict[str, str],
        limit: Annotated[int, typer.Option(min=0, help="at most so many; 0: all")] = 100,
        as_json: AsJson = False,
    ) -> None:
        from stream.registry.select import select  # noqa: PLC0415 - loads only when called for

        current = shared.settings()
        found = select(shared.state(current), kind, wanted, wall_clock())
        shared.show_many(kind, found[: limit or None], current, as_json=as_json)
        if limit and len(found) > limit:
            typer.echo(f"{len(found) - limit} more; --limit 0 shows all", err=True)


def _import(app: typer.Typer, kind: Kind) -> None:
    columns = "\n\n".join(f"{field.name}: {field.help}" for field in FIELDS[kind])

    @app.command(
        "import",
        help=f"Take {kind}s in from a CSV file, all of it or nothing.\n\n"
        "UTF-8 (with or without byte order mark) or GB18030; the first line names columns. Rows of a known "
        f"{FIELDS[kind][0].name} change the columns that the file has; the same file again changes nothing. "
        f"Wrong rows are all named, and the exit code is 1.\n\nColumns:\n\n{columns}",
    )
    def import_(
        file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV file; - reads standard input")],
        *,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        from stream.registry.tables import Table, plan_import  # noqa: PLC0415 - loads only when called for

        current = shared.settings()
        try:
            table = Table(kind, _content(file))
            with shared.counting("rows") as rows, shared.counting("records written") as written:
                plan = plan_import(table, current.brand.zone, wall_clock(), rows)
                counts = shared.carry_out(current, plan, dry_run=dry_run, written=written)
        except RowsError as error:
            shared.show_problems(error, as_json=as_json)
            raise typer.Exit(error.exit_code) from error
        if as_json:
            typer.echo(orjson.dumps(counts._asdict() | {"dry_run": dry_run}).decode())
        else:
            said = "would be " if dry_run else ""
            typer.echo(
                f"{counts.created} {said}created, {counts.updated} {said}updated, {counts.unchanged} {said}unchanged"
            )


def _export(app: typer.Typer, kind: Kind) -> None:
    @app.command("export", help=f"Write {kind}s as CSV, as import takes it.")
    @shared.with_filters(kind)
    def export(
        *,
        wanted: dict[str, str],
        out: Annotated[Path | None, typer.Option(help="file to write; standard output when left out")] = None,
        bom: Annotated[bool, typer.Option("--bom", help="begin with a byte order mark, which Excel wants")] = False,
    ) -> None:
        from stream.registry.select import select  # noqa: PLC0415 - loads only when called for
        from stream.registry.tables import write_table  # noqa: PLC0415 - likewise

        current = shared.settings()
        found = select(shared.state(current), kind, wanted, wall_clock())
        with shared.output(out, encoding="utf-8-sig" if bom else "utf-8") as target:
            write_table(
                kind,
                found,
                target,
                zone=current.brand.zone,
                now_ms=wall_clock(),
                public_url=current.edge.public_url,
            )


def _content(file: Path) -> bytes:
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as source:
            data = source.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}", field="file") from error
    if len(data) > _MAX_FILE_BYTES:
        raise InputError("is larger than 1 GiB; split it", field="file")
    return data


def _app(kind: Kind) -> typer.Typer:
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=_ABOUT[kind], rich_markup_mode=None)
    if kind == "link":
        links.register(app)
    else:
        _add(app, kind)
    for register in (_update, _show, _import, _export):
        register(app, kind)
    return app


apps: dict[str, typer.Typer] = {kind: _app(kind) for kind in _ABOUT}
