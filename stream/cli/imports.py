"""`guidestream import`: orders, messages, tasks, costs and customers from CSV, XLSX and NDJSON files."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from stream.base import log, settings
from stream.base.terminal import printable
from stream.embedded.ports import located
from stream.imports.kinds import Kind, load_mapping

if TYPE_CHECKING:
    from stream.imports.rows import Rows
    from stream.imports.session import Done
    from stream.mapping import Mapper

app = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"import": app}

_LEFT_OUT: Final = 1
"""Exit status: something of the file was left out."""
_NOT_SHIPPED: Final = 4
"""Exit status: all that is good was taken and is kept here, but Kafka has not all of it yet."""
_INTERRUPTED: Final = 130
_File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, XLSX or NDJSON (.ndjson, .jsonl)")]
_Kind = Annotated[Kind, typer.Option(help="what its rows are")]
_Mapping = Annotated[
    Path | None, typer.Option(help="TOML: `names` for other columns, or `events` instead of the built-in rules")
]
_Encoding = Annotated[
    Literal["auto", "utf-8", "gb18030"], typer.Option(help="of a text file; auto: its byte order mark, UTF-8, GB18030")
]
_Sheet = Annotated[str, typer.Option(help="of a workbook; the first visible one when left out")]
_Report = Annotated[Path | None, typer.Option(help="CSV file to write what is wrong into: row, field, problem")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="check every row, take nothing")]
_Wait = Annotated[int, typer.Option(min=1, help="seconds for which Kafka may take nothing before this ends")]
_AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts")]


@app.command()
def run(  # noqa: PLR0913, PLR0917 - options of a command line
    file: _File,
    kind: _Kind,
    mapping: _Mapping = None,
    encoding: _Encoding = "auto",
    sheet: _Sheet = "",
    report: _Report = None,
    dry_run: _DryRun = False,  # noqa: FBT002 - a flag of a command line
    wait: _Wait = 30,
    as_json: _AsJson = False,  # noqa: FBT002
) -> None:
    """Import a file: rows become events, which go to Kafka by way of a spool.

    Rows with a problem are left out, counted and named; good ones are taken. Nothing counts twice: import a file again
    after it was mended, or after this was interrupted, when it goes on where it was.

    Exit status: 0, all was taken and is in Kafka; 1, something was left out; 4, Kafka has not all of it yet, the next
    import goes on with that.
    """
    from stream.imports import session  # noqa: PLC0415 - the command line loads only what it runs
    from stream.imports.report import refuse_overwriting  # noqa: PLC0415 - likewise
    from stream.imports.run import mapper_of  # noqa: PLC0415 - likewise
    from stream.imports.source import open_rows  # noqa: PLC0415 - likewise

    log.configure(process="import", level="error")
    if report:
        read = {"the file to import": file} | ({"the file of --mapping": mapping} if mapping else {})
        refuse_overwriting(report, read)
    current = located(settings.load())
    rules = load_mapping(kind, mapping, current.brand.zone)
    rows = open_rows(file, encoding=encoding, sheet=sheet)
    try:
        mapper = mapper_of(rules, rows)
        if not as_json:
            typer.echo("\n".join(map(printable, _about(file, rows, mapper))), err=True)
        wanted = session.Wanted(file, rules, rows, mapper, report, wait)
        with _bar(rows) as bar:
            done = asyncio.run((session.check if dry_run else session.take)(wanted, current, bar))
    except KeyboardInterrupt:
        typer.echo("interrupted; the same command goes on where this was", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    finally:
        rows.close()
    _show(done, report, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(_LEFT_OUT if done.counts.problems else _NOT_SHIPPED if done.waiting_bytes else 0)


def _about(file: Path, rows: "Rows", mapper: "Mapper") -> Iterator[str]:
    """What the file was taken for."""
    from stream.imports.run import used_columns  # noqa: PLC0415 - see above

    yield f"{file.name}: {rows.encoding}"
    if rows.columns is None:
        return
    used = used_columns(rows)
    unused = [name for index, name in enumerate(rows.columns) if index not in used and name]
    if unused:
        yield f"  columns that are not used: {', '.join(unused)}"
    for gap in mapper.gaps:
        yield f"  no {gap.type or gap.rule}: there is no column {' or '.join(gap.wanted)}"


@contextmanager
def _bar(rows: "Rows") -> Iterator["Bar"]:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        yield Bar(progress, progress.add_task("rows", total=1.0), rows)


class Bar(NamedTuple):
    """Shows how far an import is, on a terminal."""

    progress: Progress
    task: TaskID
    rows: "Rows"

    def taken(self, count: int) -> None:
        """So many rows were taken."""
        self.progress.update(self.task, description=f"{count:,} rows", completed=self.rows.fraction())

    def waits(self, size: int) -> None:
        """So many bytes wait for Kafka."""
        self.progress.update(self.task, description=f"{size:,} bytes on their way to Kafka")


def _show(done: "Done", report: Path | None, *, dry_run: bool, as_json: bool) -> None:
    counts = done.counts
    if as_json:
        problems = [problem._asdict() for problem in done.first]
        shown: dict[str, Any] = {name: getattr(counts, name) for name in counts.__struct_fields__}
        shown |= {"rows_before": done.before, "waiting_bytes": done.waiting_bytes, "first_problems": problems}
        typer.echo(orjson.dumps(shown).decode())
        return
    if done.first:
        grid = Grid("row", "field", "problem", box=None, header_style="bold", pad_edge=False)
        for problem in done.first:
            grid.add_row(str(problem.row), printable(problem.field), printable(problem.detail))
        Console(width=None if sys.stdout.isatty() else 10_000, highlight=False, markup=False).print(grid)
    taken = f"{counts.accepted} events {'would be ' if dry_run else ''}taken"
    lines = [f"{counts.rows} rows: {taken}, {counts.duplicate} repeated, {counts.skipped} rows passed over"]
    if counts.accepted and not dry_run:
        lines.append("an event that an earlier import or another way brought in counts once all the same")
    if done.before:
        lines.append(f"the first {done.before} rows by a run before that did not come to its end")
    if counts.problems:
        more = f"; all of them are in {report}" if report else "; --report FILE writes all of them into a file"
        lines.append(f"{counts.problems} problems in {counts.wrong} rows: what they are about was left out{more}")
    if done.waiting_bytes:
        lines.append(
            f"{done.waiting_bytes} bytes of it wait here because Kafka does not take them; the next import goes on"
        )
    typer.echo("\n".join(lines))
