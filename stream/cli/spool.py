"""`guidestream spool`: look at what waits for Kafka."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from stream.base import settings
from stream.base.clock import wall_clock
from stream.base.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from stream.spool.frame import Record
    from stream.spool.survey import Contents, Survey

spool = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
apps = {"spool": spool}

_SHOWN_CHARACTERS = 2000
"""Of a value; an event of ours is shorter."""


@spool.callback()
def _root() -> None:
    """Look at what waits for Kafka. Reads files only: it works while their owner runs, and changes nothing."""


@spool.command()
def inspect(
    *,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="one spool; all below data.dir when left out", show_default=False)
    ] = None,
    records: Annotated[int, typer.Option(min=0, max=100_000, help="also print the first N records that wait")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object a spool, for scripts")] = False,
) -> None:
    """Segments, records and bytes that wait, the oldest one's age, the cursor, damage."""
    from stream.spool import survey  # noqa: PLC0415 - loads only when called for

    for each in _directories(directory):
        seen = survey.survey(each)
        found = survey.contents(each, seen.cursor, first=records)
        if as_json:
            typer.echo(orjson.dumps(_data(each, seen, found)).decode())
        else:
            typer.echo(_text(each, seen, found))


def _directories(wanted: Path | None) -> list[Path]:
    if wanted is None:
        root = settings.load().data.dir / "spool"
        found = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
        if not found:
            raise NotFoundError(f"no spool below {root}; name one with --dir")
        return found
    if not wanted.is_dir():
        raise NotFoundError(f"{wanted} is no directory", field="--dir")
    if not any(wanted.glob("*.seg")):
        raise InputError(f"{wanted} holds no segments, so it is no spool", field="--dir")
    return [wanted]


def _data(directory: Path, seen: "Survey", found: "Contents") -> dict[str, object]:
    return {
        "directory": str(directory),
        "segments": [{"number": number, "bytes": size} for number, size in seen.sizes.items()],
        "waiting_records": found.records,
        "waiting_bytes": seen.waiting_bytes,
        "maybe_sent_records": found.maybe_sent,
        "damaged_bytes": found.damaged_bytes,
        "oldest_ms": seen.oldest_ms,
        "cursor": {
            "acked": seen.cursor.acked._asdict(),
            "begun": seen.cursor.begun._asdict(),
            "partitions": seen.cursor.partitions,
        },
        "records": [{"at_ms": at_ms, "key": _safe(key), "value": _safe(value)} for key, value, at_ms in found.first],
    }


def _text(directory: Path, seen: "Survey", found: "Contents") -> str:
    age = "-" if seen.oldest_ms is None else f"{max(0, wall_clock() - seen.oldest_ms) / 1000:.1f} s"
    acked, begun = seen.cursor.acked, seen.cursor.begun
    lines = [
        str(directory),
        f"  waiting      {found.records} records, {seen.waiting_bytes} bytes, the oldest for {age}",
        f"  maybe sent   {found.maybe_sent} of them: these go out marked as retransmitted",
        f"  damaged      {found.damaged_bytes} bytes",
        f"  acknowledged up to segment {acked.segment}, byte {acked.offset}",
        f"  sending      began up to segment {begun.segment}, byte {begun.offset}",
        f"  segments     {len(seen.sizes)}, {sum(seen.sizes.values())} bytes",
        *(f"    {number:020d}.seg  {size} bytes" for number, size in seen.sizes.items()),
        *map(_line, found.first),
    ]
    return "\n".join(lines)


def _line(record: "Record") -> str:
    key, value, at_ms = record
    at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds") if at_ms < 2**45 else str(at_ms)
    return f"  {at}  {_safe(key)}  {_safe(value)}"


def _safe(data: bytes) -> str:
    """Text that cannot move a terminal's cursor: what is not printable is escaped, what is long is cut."""
    text = data[: 4 * _SHOWN_CHARACTERS].decode("utf-8", "backslashreplace")
    shown = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in text[:_SHOWN_CHARACTERS]
    )
    return shown if len(text) <= _SHOWN_CHARACTERS else f"{shown}..."
