"""How an import goes on where it was, waits for room, and reports what is wrong."""

import asyncio
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.base.errors import InputError, SettingsError, SpoolFullError, UnavailableError
from stream.base.settings import load
from stream.imports import run as module
from stream.imports.backlog import Backlog
from stream.imports.journal import Counts, Journal, Mark, journal_key
from stream.imports.kinds import load_mapping
from stream.imports.report import Report, can_go_on
from stream.imports.run import Hooks, Import, mapper_of
from stream.imports.source import open_rows
from stream.spool import Spool
from tests.support.api import Kept
from tests.support.imports import csv_text, memory, order, taken

ZONE = load({}).brand.zone


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    rows = [order(number, 实付金额="x" if number % 7 == 0 else "5") for number in range(1, 101)]
    path.write_text(csv_text(rows))
    return path


def importing(file: Path, kept: Kept, mark: Mark, report: Report | None = None) -> Import:
    rows = open_rows(file, encoding="auto", sheet="")
    return Import(rows, mapper_of(load_mapping("orders", None, ZONE), rows), memory(kept), mark, report)


class Killed(Exception):  # noqa: N818 - not an error of the import
    """The process is gone here."""


@pytest.mark.parametrize("slice_rows", [1, 7, 33])
def test_a_killed_import_goes_on_and_ends_as_if_it_had_not_been_killed(
    file: Path, tmp_path: Path, slice_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLICE_ROWS", slice_rows)
    monkeypatch.setattr(module, "TICK_SECONDS", 0)
    whole_report, path = tmp_path / "whole.csv", tmp_path / "report.csv"
    whole = taken(file, report=whole_report)
    journal, kept, killed = Journal(tmp_path, "k"), Kept(), 0
    while True:
        mark, slices = journal.read(), iter(range(2 + killed % 3))
        report = Report(path, at=mark.report_bytes if can_go_on(path, mark.report_bytes) else 0)

        def shown(_: Mark, slices: Iterator[int] = slices) -> None:
            if next(slices, None) is None:
                raise Killed

        running = importing(file, kept, mark, report)
        try:
            counts = asyncio.run(running.run(Hooks(journal.save, shown)))
        except Killed:
            killed += 1
            report.add(1, "half", "written before the kill, and not in the journal")
            report.flush()
            continue
        finally:
            running._rows.close()
            report.__exit__()
        break
    assert killed > 0
    assert counts == whole.counts
    by_id = {event["event_id"] for _, event in kept.records}
    assert by_id == {event["event_id"] for event in whole.events}
    assert path.read_bytes() == whole_report.read_bytes()


def test_an_import_that_goes_on_knows_what_the_rows_before_have_said(file: Path) -> None:
    file.write_text(csv_text([order(1), order(2), order(1, 实付金额="7"), order(2)]))
    kept = Kept()
    running = importing(file, kept, Mark(3, Counts(rows=2, accepted=2)))
    counts = asyncio.run(running.run(Hooks()))
    running._rows.close()
    assert (counts.rows, counts.accepted, counts.wrong) == (4, 3, 1)
    assert [problem.row for problem in running.first] == [4]


def test_messages_are_numbered_alike_when_an_import_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "messages.csv"
    rows = "".join(f"2026-11-01 10:00,客户,c1,g1,{text}\n" for text in "abcdef")
    path.write_text("发送时间,方向,客户ID,导购ID,内容\n" + rows)
    kept = Kept()
    for after in (0, 4):
        opened = open_rows(path, encoding="auto", sheet="")
        mapper = mapper_of(load_mapping("messages", None, ZONE), opened)
        asyncio.run(Import(opened, mapper, memory(kept), Mark(after)).run(Hooks()))
        opened.close()
    ids = [event["event_id"] for _, event in kept.records]
    assert len(set(ids)) == 6
    assert ids[6:] == ids[3:6]


def test_what_is_saved_was_taken_a_tick_before(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SLICE_ROWS", 10)
    monkeypatch.setattr(module, "TICK_SECONDS", 0)
    saved: list[tuple[int, int]] = []
    kept = Kept()
    running = importing(file, kept, Mark())
    asyncio.run(running.run(Hooks(lambda mark: saved.append((mark.number, running.mark.number)))))
    running._rows.close()
    assert saved[:3] == [(0, 11), (11, 21), (21, 31)]


def test_an_import_waits_while_there_is_no_room_and_loses_nothing(file: Path) -> None:
    kept = Kept(room=10)

    async def room() -> None:
        kept.room += 1

    running = importing(file, kept, Mark())
    counts = asyncio.run(running.run(Hooks(room=room)))
    running._rows.close()
    assert (counts.accepted, len(kept.records)) == (86, 86)


def test_without_a_way_to_wait_a_full_spool_is_an_error(file: Path) -> None:
    running = importing(file, Kept(room=1), Mark())
    with pytest.raises(SpoolFullError):
        asyncio.run(running.run(Hooks()))
    running._rows.close()


def test_a_report_names_row_field_and_problem_for_spreadsheets(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.csv"
    taken(file, report=path)
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0] == {
        "row": "8",
        "field": "amount",
        "problem": "'x' is no amount of money; give it like 1234.50 (from 实付金额)",
    }
    assert len(rows) == 14


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx", "＝1+1", "＠x"])
def test_a_report_holds_nothing_that_a_spreadsheet_would_run(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.csv"
    with Report(path, at=0) as report:
        report.add(2, text, f"{text}\r\nnext")
    (row,) = csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline=""))
    assert row["field"].startswith("'")
    assert row["problem"].startswith("'")
    assert "\n" not in row["problem"]


def test_a_report_takes_text_that_is_no_unicode(tmp_path: Path) -> None:
    with Report(tmp_path / "report.csv", at=0) as report:
        report.add(2, "x", "\ud800")


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Report(tmp_path / "nowhere" / "report.csv", at=0)


def test_a_mark_comes_back_and_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path, journal_key("a", "b"))
    assert journal.read() == Mark()
    journal.save(Mark(7, Counts(rows=6, accepted=5), "/r.csv", 9))
    assert journal.read() == Mark(7, Counts(rows=6, accepted=5), "/r.csv", 9)
    journal.forget()
    journal.forget()
    assert journal.read() == Mark()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"number":"x"}', b'{"colour":1}', b"\xff"])
def test_a_mark_that_cannot_be_read_is_the_start(tmp_path: Path, content: bytes) -> None:
    journal = Journal(tmp_path, "k")
    journal.save(Mark(7))
    (tmp_path / "imports" / "k.json").write_bytes(content)
    assert journal.read() == Mark()


def test_a_mark_that_cannot_be_kept_is_a_wrong_setting(tmp_path: Path) -> None:
    (tmp_path / "imports").write_text("in the way")
    with pytest.raises(SettingsError, match="cannot be written"):
        Journal(tmp_path, "k").save(Mark(7))


def test_keys_differ_by_every_part() -> None:
    assert len({journal_key("a", "b"), journal_key("ab", ""), journal_key("", "ab"), journal_key("a", "c")}) == 4


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path / "spool", segment_bytes=4096, max_bytes=65536, fsync_ms=20, topic="t") as spool:
        yield spool


def backlog(spool: Spool, patience_s: float = 0.3) -> Backlog:
    return Backlog(spool.directory, max_bytes=65536, patience_s=patience_s)


def test_a_spool_that_holds_nothing_is_empty(spool: Spool) -> None:
    told: list[int] = []
    assert asyncio.run(backlog(spool).empty(told.append))
    assert told == []


def test_a_spool_that_nobody_ships_is_given_up(spool: Spool) -> None:
    spool.append(b"k", b"v" * 100)
    told: list[int] = []
    assert not asyncio.run(backlog(spool).empty(told.append))
    assert told[0] == backlog(spool).waiting_bytes > 100


def test_an_import_stops_before_the_spool_is_full(spool: Spool) -> None:
    asyncio.run(backlog(spool).room())
    for _ in range(50):
        spool.append(b"k", b"v" * 1000)
    with pytest.raises(UnavailableError, match="goes on where it was"):
        asyncio.run(backlog(spool).room())


def test_numbers_of_a_run_are_of_all_runs(file: Path) -> None:
    kept = Kept()
    counts: Any = Counts(rows=40, accepted=35, wrong=5, problems=5)
    running = importing(file, kept, Mark(41, counts))
    done = asyncio.run(running.run(Hooks()))
    running._rows.close()
    assert (done.rows, done.accepted + done.wrong) == (100, 100)
    assert len(kept.records) < 60
