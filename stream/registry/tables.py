"""Guides, links, campaigns and stores as CSV files, out and in: a file is taken in whole or not at all."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple, TextIO
from zoneinfo import ZoneInfo

from schemas.registry import Link, Thing
from stream.base.errors import InputError, RowProblem, RowsError
from stream.registry import fields
from stream.registry.changes import BLANK, Changes, Kind, find, patched
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Plan

MAX_ROWS: Final = 2_000_000
_SHOWN_PROBLEMS: Final = 1000
"""A file that is wrong everywhere is clear after so many."""
_READ_ONLY: Final = ("number", "short_url")
"""Columns that a link's export has for people; an import passes over them."""
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""What a spreadsheet would run. An apostrophe before it makes it text; the import takes one away again."""


class Table:
    """A CSV file of one kind of things: the head line is checked at once, the rows are read anew each time."""

    def __init__(self, kind: Kind, data: bytes) -> None:
        """Raises InputError when the file is no text, or its head line is not good."""
        self.kind = kind
        self.key = "code" if kind == "link" else "id"
        self._data = data
        self._encoding = _encoding(data)
        try:
            head = [cell.strip().lower() for cell in next(self._reader(), [])]
        except csv.Error as error:
            raise InputError(f"is no CSV in its first line ({error}); check its quotes", field="file") from error
        self._columns = _checked_head(head, self)

    def rows(self) -> Iterator[tuple[int, dict[str, str] | InputError]]:
        """Row number, and texts by column or what is wrong with the row as such. Empty rows are passed over."""
        number = 0
        try:
            for number, cells in enumerate(self._reader(), start=1):
                if number > MAX_ROWS:
                    yield number, InputError(f"is beyond the {MAX_ROWS} rows of one file; split it", field="row")
                    return
                if number == 1 or not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(self._columns):
                    detail = f"has {len(cells)} cells, the head line {len(self._columns)}; check commas and quotes"
                    yield number, InputError(detail, field="row")
                else:
                    yield number, {name: _unguarded(cell) for name, cell in zip(self._columns, cells, strict=True)}
        except csv.Error as error:
            yield number + 1, InputError(f"is no CSV from here on ({error})", field="row")

    def _reader(self) -> Iterator[list[str]]:
        return csv.reader(io.TextIOWrapper(io.BytesIO(self._data), self._encoding, newline=""), strict=True)


class Counts(NamedTuple):
    """What an import did, or would do."""

    created: int
    updated: int
    unchanged: int


def plan_import(
    table: Table, zone: ZoneInfo, now_ms: int, progress: Callable[[int], None] = lambda _: None
) -> Plan[Counts]:
    """The plan that takes a table in; it raises RowsError when a single field of it is wrong.

    A row of a known id or code changes the columns that the file has, and nothing if they are the same. A link's row
    without a code makes a link, unless there is one that equals it in all else.
    """

    def plan(state: Snapshot) -> tuple[list[tuple[bytes, bytes | None]], Counts]:
        intake = _Intake(table, Changes(state, now_ms), zone)
        for done, (number, row) in enumerate(table.rows()):
            intake.take(number, row)
            if done % 1000 == 0:
                progress(done)
        if intake.total:
            raise RowsError(intake.problems, intake.total)
        return list(intake.changes.records()), Counts(**intake.fates)

    return plan


def write_table(
    kind: Kind, things: Iterable[Thing], out: TextIO, *, zone: ZoneInfo, now_ms: int, public_url: str
) -> int:
    """Write things as CSV; how many there were. The file can be taken in again and then changes nothing."""
    columns = [field.name for field in fields.FIELDS[kind]]
    writer = csv.DictWriter(out, [*columns, *_READ_ONLY] if kind == "link" else columns, lineterminator="\r\n")
    writer.writeheader()
    count = 0
    for thing in things:
        count += 1
        row = fields.show(thing, kind, zone, now_ms)
        if isinstance(thing, Link):
            row |= {"number": str(thing.number), "short_url": f"{public_url}/{thing.code}"}
        writer.writerow({name: _guarded(text) for name, text in row.items()})
    return count


class _Intake:
    """Takes rows into a change, and notes what is wrong with them."""

    def __init__(self, table: Table, changes: Changes, zone: ZoneInfo) -> None:
        self.changes = changes
        self.problems: list[RowProblem] = []
        self.total = 0
        self.fates = {"created": 0, "updated": 0, "unchanged": 0}
        self._table = table
        self._zone = zone
        self._seen: dict[str, int] = {}

    def take(self, number: int, row: dict[str, str] | InputError) -> None:
        if isinstance(row, InputError):
            self._note(number, [row])
            return
        patch, problems = fields.read(self._table.kind, row, self._zone)
        id_ = patch.get(self._table.key, "")
        if id_ and self._seen.setdefault(id_, number) != number:
            problems.append(InputError(f"row {self._seen[id_]} has it too; leave one out", field=self._table.key))
        current = find(self.changes.state, self._table.kind, id_)
        # Also when it is lost already: its other fields are to be looked at too.
        problems += self._put(current, patch, without_id=not id_)
        self._note(number, problems)

    def _put(self, current: Thing | None, patch: fields.Patch, *, without_id: bool) -> list[InputError]:
        try:
            thing = patched(current or BLANK[self._table.kind], patch, self.changes.now_ms)
            _, fate, problems = self.changes.put(current, thing, unless_equal=without_id)
        except InputError as problem:
            return [problem]
        if not problems:
            self.fates[fate] += 1
        return problems

    def _note(self, number: int, problems: list[InputError]) -> None:
        self.total += len(problems)
        room = _SHOWN_PROBLEMS - len(self.problems)
        self.problems += [RowProblem(number, problem.field or "row", problem.detail) for problem in problems[:room]]


def _encoding(data: bytes) -> str:
    """UTF-8 with or without its mark, UTF-16 with its mark, else GB18030, which Chinese spreadsheets save."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for name in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            codecs.decode(data, name)
        except UnicodeDecodeError:
            continue
        return name
    raise InputError("is neither UTF-8 nor GB18030 text; save it as CSV UTF-8", field="file")


def _checked_head(head: list[str], table: Table) -> list[str]:
    known = [field.name for field in fields.FIELDS[table.kind]]
    if table.kind == "link":
        known += _READ_ONLY
    unknown = [name for name in head if name not in known]
    if not head or unknown:
        what = f"does not know the columns {', '.join(unknown)[:200]}" if unknown else "is empty"
        raise InputError(f"{what}; the first line names columns of: {', '.join(known)}", field="file")
    if len(set(head)) < len(head):
        raise InputError("names a column twice", field="file")
    if table.key not in head and table.kind != "link":
        raise InputError(f"has no column {table.key}", field="file")
    return head


def _guarded(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _unguarded(text: str) -> str:
    return text[1:] if text[:1] == "'" and _FORMULA.match(text, 1) else text
