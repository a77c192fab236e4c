"""What the registry's commands share: options made from the table of fields, carrying out a plan, showing things."""

import asyncio
import inspect
import io
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TextIO, TypeVar

import orjson
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table as Grid

from schemas.registry import Link, Thing, encode_record
from stream.base import log
from stream.base.clock import wall_clock
from stream.base.errors import InputError, RowsError
from stream.base.settings import Settings, load
from stream.cli.waiting import kafka, waiting
from stream.embedded.ports import located
from stream.registry import fields, select
from stream.registry.fields import FIELDS

if TYPE_CHECKING:
    from stream.registry.snapshot import Snapshot
    from stream.registry.writer import Plan, Writer

T = TypeVar("T")
Command = Callable[..., None]
Kind = Literal["store", "guide", "campaign", "link"]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="check and show, write nothing")]


def with_fields(kind: Kind, *, leave_out: tuple[str, ...] = ()) -> Callable[[Command], Command]:
    """Give a command an option for each field of a kind, as its parameter `texts`: field name -> what was typed."""
    return _with_options("texts", {field.name: field.help for field in FIELDS[kind] if field.name not in leave_out})


def with_filters(kind: Kind) -> Callable[[Command], Command]:
    """Give a command the filters of a kind, as its parameter `wanted`: filter -> value."""
    return _with_options("wanted", select.FILTERS[kind] | select.COMMON)


def _with_options(parameter: str, helps: dict[str, str]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        own = [item for item in inspect.signature(command).parameters.values() if item.name != parameter]
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[
                    str | None, typer.Option(f"--{name.replace('_', '-')}", help=text, show_default=False)
                ],
            )
            for name, text in helps.items()
        ]

        def run(**values: Any) -> None:
            given = {name: values.pop(name) for name in helps}
            command(**values, **{parameter: {name: text for name, text in given.items() if text is not None}})

        # Typer reads options from the signature: this one is made, so that options and CSV columns cannot differ.
        run.__signature__ = inspect.Signature([*own, *options])  # type: ignore[attr-defined]
        run.__doc__ = command.__doc__
        return run

    return decorate


def settings() -> Settings:
    """The settings in force, located; what libraries log goes no further, because our errors say it."""
    log.configure(process="cli", level="warning")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    return located(load())


def patch(kind: Kind, texts: dict[str, str], current: Settings) -> fields.Patch:
    """Options as values.

    Raises:
        InputError: names every option that cannot be read.
    """
    values, problems = fields.read(kind, texts, current.brand.zone)
    if problems:
        raise InputError("; ".join(map(str, problems)))
    return values


def state(current: Settings) -> "Snapshot":
    """The registry as it is now."""
    from stream.registry.writer import ANSWER_S  # noqa: PLC0415 - Kafka's client loads only when called for

    with waiting(kafka(current), ANSWER_S):
        return asyncio.run(_writer(current).read())


def carry_out(
    current: Settings, plan: "Plan[T]", *, dry_run: bool = False, written: Callable[[int], None] = lambda _: None
) -> T:
    """Carry out a plan, or with `dry_run` only work it out."""
    if dry_run:
        return plan(state(current))[1]
    from stream.registry.writer import ANSWER_S  # noqa: PLC0415 - Kafka's client loads only when called for

    with waiting(kafka(current), ANSWER_S):
        return asyncio.run(_writer(current).change(plan, written))


def _writer(current: Settings) -> "Writer":
    from stream.registry.store import load_fresh  # noqa: PLC0415 - Kafka's client loads only when called for
    from stream.registry.writer import Writer  # noqa: PLC0415 - likewise

    return Writer(current, load_fresh(current, wall_clock()))


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
    """Shows a growing number on a terminal while something long goes on."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done: progress.update(task, completed=done)


# -- showing -----------------------------------------------------------------------------------------------------------

_COLUMNS = {
    "store": ("id", "name", "region_id", "region_name", "disabled"),
    "guide": ("id", "name", "store_id", "hire_date", "monthly_cost", "currency", "disabled"),
    "campaign": ("id", "name", "start", "end", "budget", "currency", "disabled"),
    "link": ("code", "guide_id", "campaign_id", "touchpoint", "kind", "url", "disabled"),
}


def show_many(kind: Kind, things: Iterable[Thing], current: Settings, *, as_json: bool) -> None:
    """A grid of the main fields, or a JSON array of all."""
    if as_json:
        typer.echo(orjson.dumps([_object(thing, current) for thing in things]).decode())
        return
    grid = Grid(*_COLUMNS[kind], box=None, header_style="bold", pad_edge=False)
    for thing in things:
        texts = fields.show(thing, kind, current.brand.zone, wall_clock())
        grid.add_row(*(texts[name] for name in _COLUMNS[kind]))
    _console().print(grid)


def show_one(kind: Kind, thing: Thing, current: Settings, *, as_json: bool) -> None:
    """Every field of a thing; of a link also who owned it from when on."""
    if as_json:
        typer.echo(orjson.dumps(_object(thing, current)).decode())
        return
    grid = Grid(box=None, show_header=False, pad_edge=False)
    for name, text in fields.show(thing, kind, current.brand.zone, wall_clock()).items():
        if text:
            grid.add_row(name, text)
    if isinstance(thing, Link):
        grid.add_row("number", str(thing.number))
        grid.add_row("short_url", short_url(current, thing))
        for owner in thing.owners:
            since = fields.show_moment(owner.from_ms, current.brand.zone) if owner.from_ms else "the beginning"
            grid.add_row("owner", f"{owner.guide_id or 'nobody'} since {since}")
    _console().print(grid)


def show_results(kind: Kind, results: Sequence[tuple[Thing, str]], current: Settings, *, as_json: bool) -> None:
    """Things that a change named, with what became of each."""
    if as_json:
        typer.echo(orjson.dumps([_object(thing, current) | {"change": fate} for thing, fate in results]).decode())
        return
    show_many(kind, [thing for thing, _ in results], current, as_json=False)
    changed = sum(fate != "unchanged" for _, fate in results)
    typer.echo(f"{changed} changed, {len(results) - changed} were so already", err=True)


def show_problems(error: RowsError, *, as_json: bool) -> None:
    """What is wrong with the rows of a file."""
    if as_json:
        problems = [problem._asdict() for problem in error.rows]
        typer.echo(orjson.dumps({"total": error.total, "problems": problems}).decode())
        return
    grid = Grid("row", "field", "problem", box=None, header_style="bold", pad_edge=False)
    for problem in error.rows:
        grid.add_row(str(problem.row), problem.field, problem.detail)
    _console().print(grid)
    left_out = error.total - len(error.rows)
    more = f"; {left_out} more are not shown" if left_out else ""
    typer.echo(f"nothing was taken in: {error.total} problems{more}", err=True)


@contextmanager
def output(path: Path | None, *, encoding: str) -> Iterator[TextIO]:
    """Where text goes: standard output, or a file that is there whole or not at all."""
    if path is None:
        text = io.TextIOWrapper(sys.stdout.buffer, encoding, newline="", write_through=True)
        try:
            yield text
        finally:
            text.detach()
        return
    scratch = path.with_name(f".{path.name}.part")
    try:
        with scratch.open("w", encoding=encoding, newline="") as file:
            yield file
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", field="--out") from error
    finally:
        scratch.unlink(missing_ok=True)


def write_file(path: Path, content: bytes) -> None:
    """Write a file; its directory is made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", field="--out") from error


def short_url(current: Settings, link: Link) -> str:
    """What people tap."""
    return f"{current.edge.public_url}/{link.code}"


def _console() -> Console:
    # Wide when it is not a terminal: a script must not get cut cells.
    return Console(width=None if sys.stdout.isatty() else 10_000, soft_wrap=False, highlight=False, markup=False)


def _object(thing: Thing, current: Settings) -> dict[str, Any]:
    """What the topic holds, without its version; of a link also what follows from it."""
    value: dict[str, Any] = orjson.loads(encode_record(thing)[1] or b"{}")
    del value["v"]
    if isinstance(thing, Link):
        value |= {"guide_id": thing.owner_at(wall_clock()), "short_url": short_url(current, thing)}
    return value
