"""`guidestream erase`: take a person out of everything, keep the numbers."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import orjson
import typer
from rich.console import Console

from stream.base import clock, settings
from stream.base.errors import InputError
from stream.cli.waiting import connected, kafka, waiting
from stream.embedded.ports import located

if TYPE_CHECKING:
    from stream.privacy.erase import Outcome, Wish
    from stream.sink.erasures import Certificate
    from stream.sink.people import Person

app = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"erase": app}

_TIMEOUT_MS = 3_600_000
"""Of one statement: raw rows are looked through, and parts that hold the person are written anew."""


@app.command()
def run(
    customer: Annotated[
        str, typer.Option(metavar="ID", help="a customer under all their ids, and their browsers")
    ] = "",
    visitor: Annotated[str, typer.Option(metavar="ID", help="a browser")] = "",
    phone: Annotated[str, typer.Option(metavar="NUMBER", help="everybody who left this number")] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    wait: Annotated[float, typer.Option(min=1, help="seconds to wait for the spools, and for the worker")] = 120,
    as_json: Annotated[bool, typer.Option("--json", help="print the certificate as one JSON object")] = False,
) -> None:
    """Erase a person from raw rows, customers, dead letters and spools; numbers stay, under a random pseudonym.

    It says what it does, and what it waits for, on standard error. Once more changes nothing more and prints the same
    certificate. What Kafka holds goes by its retention.
    """
    from stream.privacy.erase import KINDS, Wish  # noqa: PLC0415 - the command line loads only what it runs

    # An id may begin or end with a space.
    given = [Wish(kind, text) for kind, text in zip(KINDS, (customer, visitor, phone), strict=True) if text.strip()]
    if len(given) != 1:
        raise InputError("give one of --customer, --visitor and --phone")
    outcome = asyncio.run(_erase(given[0], yes=yes, wait_s=wait))
    if as_json:
        shown = {name: value for name, value in asdict(outcome.certificate).items() if name not in _INNER}
        typer.echo(orjson.dumps({**shown, "erased_now": outcome.erased_now}, option=orjson.OPT_NON_STR_KEYS).decode())
    else:
        typer.echo("\n".join(_lines(outcome)))


_INNER = ("pseudonym", "version")


async def _erase(wish: "Wish", *, yes: bool, wait_s: float) -> "Outcome":
    from stream.base.person_keys import person_keys  # noqa: PLC0415 - the command line loads only what it runs
    from stream.privacy.erase import Eraser  # noqa: PLC0415
    from stream.sink.kafka_log import ANSWER_S, open_log  # noqa: PLC0415

    current = located(settings.load())
    async with await connected(current, timeout_ms=_TIMEOUT_MS) as clickhouse, AsyncExitStack() as stack:
        with waiting(kafka(current), ANSWER_S):
            log = await stack.enter_async_context(open_log(current))
        steps = Steps(Console(stderr=True))
        eraser = Eraser(current, clickhouse, log, person_keys(current), clock.wall_clock, steps.say)
        with steps:
            person = await eraser.find(wish, wait_s)
        if not yes:
            typer.confirm(f"{_said(person)}. This cannot be undone. Erase?", abort=True, err=True)
        with steps:
            return await eraser.erase(wish, person, wait_s)


class Steps:
    """Shows what is being done: on a terminal one line, which is gone at the end, else a line for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("")

    def say(self, step: str) -> None:
        """Show the next step."""
        if self._console.is_terminal:
            self._status.update(step)
        else:
            self._console.print(step, soft_wrap=True, highlight=False, markup=False)

    def __enter__(self) -> None:
        if self._console.is_terminal:
            self._status.start()

    def __exit__(self, *_: object) -> None:
        self._status.stop()


def _said(person: "Person") -> str:
    return f"{len(person.customers)} customer ids, {len(person.visitors)} browsers"


def _lines(outcome: "Outcome") -> list[str]:
    one = outcome.certificate
    rows = ", ".join(f"{count} of {table}" for table, count in sorted(one.rows_changed.items())) or "none"
    until = ", ".join(f"conversions/{partition}/{offset}" for partition, offset in sorted(one.offsets.items())) or "-"
    return [
        "erased" if outcome.erased_now and one.rows_changed else "there is nothing to be erased",
        f"certificate  {one.id}",
        f"{one.kind} hash  {one.hash}",
        f"requested    {_time(one.requested_ms)}",
        f"finished     {_finished(one)}",
        f"rows         {rows}",
        f"up to        {until}",
        f"Kafka        holds copies until {_time(one.kafka_until_ms)} at the latest, by the retention of its topics",
    ]


def _finished(one: "Certificate") -> str:
    return _time(one.finished_ms) if one.finished_ms is not None else "not yet"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(sep=" ", timespec="seconds")
