"""Imports without a spool, and files to import."""

import asyncio
import io
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl import Workbook

from schemas.personal import protect
from stream.base.settings import load
from stream.imports.journal import Counts, Mark
from stream.imports.kinds import Kind, load_mapping
from stream.imports.report import Report
from stream.imports.run import Hooks, Import, Problem, mapper_of
from stream.imports.source import open_rows
from stream.intake import Intake
from tests.support.api import NOW, PERSON_KEYS, Kept

HEAD = "订单号,付款时间,实付金额,客户ID,导购ID"


class Taken(NamedTuple):
    """What an import made of a file."""

    events: list[dict[str, Any]]
    counts: Counts
    problems: list[Problem]


def memory(kept: Kept) -> Intake:
    """An intake whose spool is `kept`."""
    settings = load({})
    return Intake(settings, kept, owner="import", protect=lambda event: protect(event, PERSON_KEYS), clock=lambda: NOW)


def taken(
    path: Path,
    kind: Kind = "orders",
    *,
    encoding: str = "auto",
    sheet: str = "",
    mapping: Path | None = None,
    report: Path | None = None,
) -> Taken:
    """Import a file into memory."""
    kept = Kept()
    rows = open_rows(path, encoding=encoding, sheet=sheet)
    try:
        mapper = mapper_of(load_mapping(kind, mapping, load({}).brand.zone), rows)
        with Report(report, at=0) if report else nullcontext() as into:
            running = Import(rows, mapper, memory(kept), Mark(), into)
            counts = asyncio.run(running.run(Hooks()))
    finally:
        rows.close()
    events = [{name: value for name, value in event.items() if name != "v"} for _, event in kept.records]
    return Taken(events, counts, running.first)


def order(number: int, **columns: str) -> dict[str, str]:
    """A row of `HEAD`."""
    defaults = {
        "订单号": f"E{number:06}",
        "付款时间": f"2026-11-11 20:{number // 60 % 60:02}:{number % 60:02}",
        "实付金额": f"{number % 900 + 10}.50",
        "客户ID": f"wm{number % 500:04}",
        "导购ID": f"g{number % 20}",
    }
    return defaults | columns


def csv_text(rows: Sequence[Mapping[str, str]], *, head: str = HEAD) -> str:
    """CSV of rows whose cells need no quotes."""
    names = head.split(",")
    return "\r\n".join([head, *(",".join(row.get(name, "") for name in names) for row in rows)]) + "\r\n"


def workbook(path: Path, rows: Sequence[Sequence[Any]], *, title: str = "Sheet1", more: str = "") -> Path:
    """A workbook with these rows in its first sheet."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(list(row))
    if more:
        book.create_sheet(more).append(["x"])
    book.save(path)
    return path


def with_part(path: Path, name: str, content: bytes) -> Path:
    """The workbook with one of its parts replaced, or one more."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in dict.fromkeys([*old.namelist(), name]):
            new.writestr(part, content if part == name else old.read(part))
    path.write_bytes(out.getvalue())
    return path
