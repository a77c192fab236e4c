"""Takes the rows of a file into an intake, and counts what becomes of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from typing import Any, Final, NamedTuple, Protocol

from schemas.rejects import Reject
from stream.base.errors import InputError, SpoolFullError
from stream.imports.journal import Counts, Mark
from stream.imports.repeats import Repeats, rest_of
from stream.imports.report import Report
from stream.imports.rows import BadRow, Rows
from stream.intake import Outcome
from stream.intake.outcome import rejected
from stream.mapping import Event, Mapper, Result, Skipped, Table, compile_mapping
from stream.mapping import Mapping as Rules
from stream.mapping.text import folded, quoted

SLICE_ROWS: Final = 500
"""Rows between two looks at the rest of the process: about 20 ms."""
TICK_SECONDS: Final = 2.5
"""How often the mark is saved. What is saved is the mark of the tick before: by now that is on disk, since a spool's
fsync waits a second at most."""
_AHEAD: Final = "is in the future; mend it, or name its time zone in a --mapping"
_OF_TIMES: Final[Mapping[str, str]] = {
    "past": "is before 2020, and nothing is kept of then; leave it out",
    "future": _AHEAD,
    "out_of_range": _AHEAD,
}
"""What an event's moment is, in the words of those who have files, by the reason of its reject."""
_FIRST_PROBLEMS: Final = 20
_SHOWN_COLUMNS: Final = 300


class Taker(Protocol):
    """Takes events in; `stream.intake.Intake` is one."""

    def take(self, event: Mapping[str, Any]) -> Outcome:
        """See `stream.intake.Intake.take`."""


class Problem(NamedTuple):
    """What is wrong with a row."""

    row: int
    field: str
    detail: str


class Hooks(NamedTuple):
    """What an import tells and asks while it runs."""

    save: Callable[[Mark], None] = lambda _: None
    """Keep this mark: all before it is safe."""
    shown: Callable[[Mark], None] = lambda _: None
    """Called after each slice."""
    room: Callable[[], Awaitable[None]] | None = None
    """Waits until there is room for more; called after each slice, and when there is none."""


class Import:
    """One file on its way in, from `mark` on."""

    def __init__(self, rows: Rows, mapper: Mapper, taker: Taker, mark: Mark, report: Report | None = None) -> None:
        self.first: list[Problem] = []
        """The first problems of this run."""
        self._rows, self._mapper, self._taker, self._report = rows, mapper, taker, report
        self._repeats, self._rest = Repeats(), rest_of(rows)
        self._mark = mark
        self._counts = copy(mark.counts)
        self._number = mark.number

    @property
    def mark(self) -> Mark:
        """How far it came."""
        size = self._report.size if self._report else 0
        return Mark(self._number, copy(self._counts), self._mark.report, size)

    async def run(self, hooks: Hooks) -> Counts:
        """Take all rows that are left; the counts include those of the runs before.

        Raises:
            InputError: the file cannot be read from some row on, or the report not written.
        """
        saved, due = self.mark, time.monotonic() + TICK_SECONDS
        after = self._mark.number
        left = SLICE_ROWS
        for number, payload in self._rows.rows():
            if number <= after:
                self._recall(payload)
                if not number % SLICE_ROWS:
                    await asyncio.sleep(0)
                continue
            await self._row(number, payload, hooks)
            left -= 1
            if left:
                continue
            left = SLICE_ROWS
            hooks.shown(self.mark)
            await asyncio.sleep(0)
            if hooks.room:
                await hooks.room()
            if time.monotonic() >= due:
                if self._report:
                    self._report.flush()
                hooks.save(saved)
                saved, due = self.mark, time.monotonic() + TICK_SECONDS
        return self._counts

    async def _row(self, number: int, payload: Any, hooks: Hooks) -> None:
        counts = self._counts
        counts.rows += 1
        if type(payload) is BadRow:
            counts.wrong += 1
            self._note(Problem(number, payload.field, payload.detail))
            self._number = number
            return
        wrong = passed = False
        for result in self._mapper.events(payload):
            if type(result) is dict:
                outcome = self._contradiction(payload, result) or await self._taken(result, hooks)
            elif type(result) is Skipped:
                passed = True
                continue
            else:
                assert isinstance(result, Reject)
                outcome = rejected("", result)
            if outcome.status == "accepted":
                counts.accepted += 1
            elif outcome.status == "duplicate":
                counts.duplicate += 1
            else:
                wrong = True
                self._note(self._problem(number, payload, result, outcome))
        counts.wrong += wrong
        counts.skipped += passed
        self._number = number

    def _problem(self, number: int, payload: Any, result: Result, outcome: Outcome) -> Problem:
        """What is wrong with an event, and from which column it came; a Reject of the mapping says so itself."""
        detail = outcome.detail if outcome.detail != outcome.field else "is missing"
        if type(result) is dict and outcome.field:
            columns = self._mapper.sources(str(result.get("type", "")), outcome.field)
            if outcome.field == "occurred_at" and outcome.reason in _OF_TIMES:
                detail = f"{self._shown(payload, columns)} {_OF_TIMES[outcome.reason]}"
            if columns:
                detail = f"{detail} (from {_either(tuple(columns))})"
        return Problem(number, outcome.field or "row", detail)

    def _shown(self, payload: Any, paths: Sequence[str]) -> str:
        """A time as the file has it: what an event has of it, people cannot read."""
        shape = self._rows.shape
        getters = (shape.getter(path) for path in paths if shape.items(path) is None)
        cells = (getter(payload) for getter in getters if getter)
        return next((quoted(cell) for cell in cells if cell is not None), "this time")

    def _recall(self, payload: Any) -> None:
        """Know again what a row that was taken by a run before this one has made."""
        if type(payload) is not BadRow:
            for result in self._mapper.events(payload):
                if type(result) is dict:
                    self._contradiction(payload, result)

    def _contradiction(self, payload: Any, event: Event) -> Outcome | None:
        """The outcome of an event whose id a row before has made of something else."""
        self._repeats.tell_apart(event, lambda: self._rest(payload))
        if not self._repeats.contradicts(event):
            return None
        says = "is of a row before this one as well, which says something else; give each row an id of its own"
        return rejected("", Reject("out_of_range", f"event_id: {quoted(event['event_id'])} {says}"))

    async def _taken(self, event: Event, hooks: Hooks) -> Outcome:
        """Take an event; when there is no room, once there is again."""
        try:
            return self._taker.take(event)
        except SpoolFullError:
            pass
        while hooks.room:
            await hooks.room()
            try:
                return self._taker.take(event)
            except SpoolFullError:
                continue
        raise SpoolFullError("there is no room for events on disk")

    def _note(self, problem: Problem) -> None:
        self._counts.problems += 1
        if len(self.first) < _FIRST_PROBLEMS:
            self.first.append(problem)
        if self._report:
            self._report.add(*problem)


def mapper_of(rules: Rules, rows: Rows) -> Mapper:
    """The mapping put together for a file's columns.

    Raises:
        InputError: the columns do not fit: no event can come of them, or a column that is used is there twice.
    """
    try:
        mapper = compile_mapping(rules, rows.shape)
    except ValueError as error:
        raise InputError(str(error), field="--mapping") from error
    if rows.columns is None:
        return mapper
    used = [rows.columns[index] for index in used_columns(rows)]
    names = list(map(folded, rows.columns))
    twice = sorted({name for name in used if names.count(folded(name)) > 1})
    if twice:
        raise InputError(f"has the column {twice[0]} twice; leave one out", field="file")
    if not mapper.possible:
        lacking = "; ".join(f"{gap.type or gap.rule} needs {_either(gap.wanted)}" for gap in mapper.gaps)
        found = ", ".join(rows.columns)[:_SHOWN_COLUMNS]
        raise InputError(f"has not the columns that are needed: {lacking}. It has {found}", field="file")
    return mapper


def used_columns(rows: Rows) -> list[int]:
    """Which columns the mapping reads, once it was put together."""
    return sorted(rows.shape.used) if isinstance(rows.shape, Table) else []


def _either(names: tuple[str, ...]) -> str:
    return " or ".join(names[:4]) + (" or ..." if len(names) > 4 else "")
