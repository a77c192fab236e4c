"""One call of the import: a dry run, or the way through the spool to Kafka."""

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from schemas.conversions import Conversion
from schemas.personal import PersonKeys, protect
from schemas.topics import CONVERSIONS
from stream.base.settings import Settings
from stream.imports.backlog import Backlog
from stream.imports.encodings import fingerprint
from stream.imports.journal import Counts, Journal, Mark, journal_key
from stream.imports.report import Report, can_go_on
from stream.imports.rows import Rows
from stream.imports.run import Hooks, Import, Problem
from stream.intake import Intake
from stream.mapping import Mapper, Mapping

OWNER: Final = "import"
"""Of the spool: one import at a time on a machine."""


class Wanted(NamedTuple):
    """What is to be imported."""

    file: Path
    rules: Mapping
    rows: Rows
    mapper: Mapper
    report: Path | None
    patience_s: float


class Done(NamedTuple):
    """How it ended."""

    counts: Counts
    first: list[Problem]
    before: int = 0
    """Rows that a run before, which was interrupted, had taken."""
    waiting_bytes: int = 0
    """What Kafka has not got yet."""


class Bar(Protocol):
    """Shows how far it is."""

    def taken(self, count: int) -> None:
        """So many rows were taken."""

    def waits(self, size: int) -> None:
        """So many bytes wait for Kafka."""


class _Nowhere:
    def append(self, key: bytes, value: bytes) -> None:
        del key, value


async def check(wanted: Wanted, current: Settings, bar: Bar) -> Done:
    """Look at every row as an import would, and take none."""

    def protected(event: Conversion) -> Conversion:
        return protect(event, PersonKeys(1, {1: bytes(32)}))  # what is made of it goes nowhere

    intake = Intake(current, _Nowhere(), owner=OWNER, protect=protected)
    with Report(wanted.report, at=0) if wanted.report else nullcontext() as report:
        running = Import(wanted.rows, wanted.mapper, intake, Mark(), report)
        counts = await running.run(Hooks(shown=lambda mark: bar.taken(mark.counts.rows)))
    return Done(counts, running.first)


async def take(wanted: Wanted, current: Settings, bar: Bar) -> Done:
    """Take every row that was not taken yet, and wait until Kafka has all of it.

    Raises:
        SettingsError: another import is running here, or data.dir cannot be written.
        InputError: the file cannot be read from some row on; what comes before it was taken.
        UnavailableError: there is no room for more, and Kafka takes nothing.
    """
    journal = Journal(current.data.dir, _key(wanted))
    mark = _usable(journal.read(), wanted.report)
    backlog = Backlog(
        current.data.dir / "spool" / f"{OWNER}-{CONVERSIONS}",
        max_bytes=current.spool.max_bytes,
        patience_s=wanted.patience_s,
    )
    async with Intake.open(_quiet(current), OWNER) as intake:
        with Report(wanted.report, at=mark.report_bytes) if wanted.report else nullcontext() as report:
            running = Import(wanted.rows, wanted.mapper, intake, mark, report)
            hooks = Hooks(journal.save, lambda now: bar.taken(now.counts.rows), backlog.room)
            counts = await running.run(hooks)
        # By then the last events are on disk, too.
        await asyncio.sleep(2 * current.spool.fsync_ms / 1000)
        journal.save(running.mark)
        if await backlog.empty(bar.waits):
            journal.forget()
            return Done(counts, running.first, mark.counts.rows)
        return Done(counts, running.first, mark.counts.rows, backlog.waiting_bytes)


def _key(wanted: Wanted) -> str:
    rows = wanted.rows
    return journal_key(fingerprint(wanted.file), repr(wanted.rules), rows.encoding, repr(rows.columns))


def _usable(mark: Mark, report: Path | None) -> Mark:
    """Where to go on: from the start when the report would not be whole."""
    if report is None:
        return Mark(mark.number, mark.counts)
    path = str(report.resolve())
    if mark.report == path and can_go_on(report, mark.report_bytes):
        return mark
    return Mark(report=path)


def _quiet(current: Settings) -> Settings:
    """The command itself says what there is to say, and has waited for Kafka before it ends."""
    return current.model_copy(
        update={
            "log": current.log.model_copy(update={"level": "error"}),
            "intake": current.intake.model_copy(update={"drain_ms": 100}),
        }
    )
