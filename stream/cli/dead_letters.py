"""`guidestream dead-letters list|show|replay`: rejected events, found, read, and sent again."""

import asyncio
import dataclasses
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from stream.base import clock, settings
from stream.base.errors import InputError
from stream.base.kafka import ANSWER_S
from stream.base.settings import Settings
from stream.cli.waiting import connected, kafka, waiting
from stream.embedded.ports import located

if TYPE_CHECKING:
    from stream.sink.dead_letters import Filter, Letter, Summary

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, help="Rejected events: list, show, replay."
)
apps = {"dead-letters": app}

_MOST = 100_000
"""Dead letters of one replay; the rest waits for the next."""
_Topic = Annotated[str, typer.Option(help="clicks or conversions")]
_Reason = Annotated[str, typer.Option(help="one of the closed list of reasons")]
_Since = Annotated[datetime | None, typer.Option(help="arrived then or later, in the brand's time zone")]
_Waiting = Annotated[bool, typer.Option("--waiting", help="only those that were not replayed")]
_AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object a line")]
_Raw = Annotated[bool, typer.Option("--raw", help="write the original bytes, for a file to be fixed")]
_Again = Annotated[bool, typer.Option("--again", help="those too that were replayed before")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="say what would be sent, send nothing")]
_Origins = Annotated[list[str] | None, typer.Argument(help="as `list` prints them; all that match when none")]
_File = Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="send this value instead")]


@dataclasses.dataclass(frozen=True, slots=True)
class _Wanted:
    topic: str
    reason: str
    since: datetime | None

    def filter(self, current: Settings, *, waiting: bool) -> "Filter":
        from stream.sink.dead_letters import Filter  # noqa: PLC0415 - the command line loads only what it runs

        since = self.since.replace(tzinfo=current.brand.zone) if self.since else None
        return Filter(self.topic, self.reason, since, waiting)


@dataclasses.dataclass(frozen=True, slots=True)
class _How:
    fixed: bytes | None
    again: bool
    dry_run: bool
    wait_s: float


@app.command("list")
def list_(
    topic: _Topic = "",
    reason: _Reason = "",
    since: _Since = None,
    limit: Annotated[int, typer.Option(min=1, max=_MOST)] = 50,
    waiting: _Waiting = False,  # noqa: FBT002 - flags of a command line
    as_json: _AsJson = False,  # noqa: FBT002
) -> None:
    """List dead letters, the newest first, and how many there are of each reason."""
    current = located(settings.load())
    wanted = _Wanted(topic, reason, since).filter(current, waiting=waiting)
    found, counts = asyncio.run(_list(current, wanted, limit))
    if as_json:
        for one in found:
            typer.echo(orjson.dumps({**dataclasses.asdict(one), "origin": str(one.origin)}).decode())
        return
    for one in found:
        typer.echo(_line(one, current))
    for (of_topic, why), count in counts.items():
        typer.echo(f"{count} of {of_topic}: {why}")
    typer.echo(f"{sum(counts.values())} in all, {len(found)} shown")


@app.command()
def show(
    origin: Annotated[str, typer.Argument(help="as `list` prints it: clicks/3/1234")],
    raw: _Raw = False,  # noqa: FBT002 - a flag of a command line
) -> None:
    """Show one dead letter, its payload made safe for a terminal."""
    from stream.sink.dead_letters import preview, safe  # noqa: PLC0415 - the command line loads only what it runs

    current = located(settings.load())
    letter = asyncio.run(_show(current, origin))
    if raw:
        typer.echo(letter.value, nl=False)
        return
    typer.echo(_line(letter.summary, current))
    typer.echo(f"key: {preview(letter.key)}")
    for name, value in letter.headers:
        typer.echo(f"header {safe(name)}: {preview(value)}")
    typer.echo(preview(letter.value))


@app.command()
def replay(  # noqa: PLR0913, PLR0917 - options of a command line
    origins: _Origins = None,
    topic: _Topic = "",
    reason: _Reason = "",
    since: _Since = None,
    file: _File = None,
    wait: Annotated[float, typer.Option(min=0, help="seconds to wait for what the worker makes of them")] = 10.0,
    again: _Again = False,  # noqa: FBT002 - flags of a command line
    dry_run: _DryRun = False,  # noqa: FBT002
) -> None:
    """Send dead letters again to the topics they came from; what was replayed before is left alone."""
    if file and len(origins or ()) != 1:
        raise InputError("name the one dead letter that the file is a value for", field="--file")
    current = located(settings.load())
    how = _How(file.read_bytes() if file else None, again, dry_run, wait)
    for line in asyncio.run(_replay(current, origins or [], _Wanted(topic, reason, since), how)):
        typer.echo(line)


async def _list(current: Settings, wanted: "Filter", limit: int) -> tuple[list["Summary"], dict[tuple[str, str], int]]:
    from stream.sink.dead_letters import counted, listed  # noqa: PLC0415 - the command line loads only what it runs

    async with await connected(current) as clickhouse:
        return await listed(clickhouse, wanted, limit=limit), await counted(clickhouse, wanted)


async def _show(current: Settings, name: str) -> "Letter":
    from stream.sink.dead_letters import Origin, fetched  # noqa: PLC0415 - the command line loads only what it runs

    origin = Origin.parse(name)
    async with await connected(current) as clickhouse:
        (letter,) = await fetched(clickhouse, [origin])
        return letter


async def _replay(current: Settings, names: list[str], wanted: _Wanted, how: _How) -> list[str]:
    from stream.sink.dead_letters import Origin, listed  # noqa: PLC0415 - the command line loads only what it runs
    from stream.sink.replay import fates, open_producer, replay  # noqa: PLC0415

    origins = [Origin.parse(name) for name in names]
    async with await connected(current) as clickhouse, AsyncExitStack() as stack:
        if not origins:
            matching = wanted.filter(current, waiting=not how.again)
            origins = sorted(one.origin for one in await listed(clickhouse, matching, limit=_MOST))
        producer = None
        if not how.dry_run:
            with waiting(kafka(current), ANSWER_S):
                producer = await stack.enter_async_context(open_producer(current))
        now_ms = clock.wall_clock()
        done = await replay(clickhouse, producer, current, origins, now_ms=now_ms, fixed=how.fixed, again=how.again)
        if how.dry_run:
            return done.lines()
        with waiting("the worker to come to them", how.wait_s):
            return done.lines(await fates(clickhouse, done.sent, wait_s=how.wait_s))


def _line(one: "Summary", current: Settings) -> str:
    from stream.sink.dead_letters import safe  # noqa: PLC0415 - the command line loads only what it runs

    arrived = one.append_time.astimezone(current.brand.zone).isoformat(sep=" ", timespec="milliseconds")
    replayed = ", replayed" if one.replayed_at else ""
    return f"{one.origin}  {arrived}  {one.stage}: {one.reason}  {one.size} bytes{replayed}  {safe(one.detail)}"
