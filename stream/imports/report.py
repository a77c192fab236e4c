"""What is wrong with the rows of a file, as a CSV file for people: row, field, problem."""

import csv
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Self

from stream.base.errors import InputError

_HEAD: Final = ("row", "field", "problem")
_BOM: Final = "\ufeff"
"""Without it a spreadsheet takes Chinese for something else."""
_FORMULA = re.compile(r"[=+\-@\t＝＋－＠]")
"""What a spreadsheet would run, a Chinese one the wide forms too; an apostrophe before it makes it text."""
_LINE_BREAKS = re.compile(r"[\r\n]+")


class Report:
    """A report that grows; `size` is where it can be taken up again."""

    def __init__(self, path: Path, *, at: int) -> None:
        """Go on at byte `at`, or make it anew with 0; raises InputError when it cannot be written."""
        self._path = path
        try:
            self._file: BinaryIO = path.open("r+b" if at else "wb")
            self._file.truncate(at)
            self._file.seek(at)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}", field="--report") from error
        self.size = at
        if not at:
            self._write(_BOM + _line(_HEAD))

    def add(self, row: int, field: str, problem: str) -> None:
        """Note one problem."""
        self._write(_line((str(row), field, problem)))

    def flush(self) -> None:
        """Have what was noted in the file."""
        self._file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "backslashreplace")
        try:
            self._file.write(data)
        except OSError as error:
            raise InputError(f"{self._path} cannot be written: {error.strerror}", field="--report") from error
        self.size += len(data)


def can_go_on(path: Path, at: int) -> bool:
    """Whether there is a report of at least `at` bytes."""
    try:
        return path.stat().st_size >= at
    except OSError:
        return False


def refuse_overwriting(report: Path, others: Mapping[str, Path]) -> None:
    """See that a report would not be written over another file of the call, by whatever name or link.

    Args:
        report: where the report shall be.
        others: by what they are, the files that are read.

    Raises:
        InputError: it would.
    """
    for what, path in others.items():
        with suppress(OSError):  # what is not there yet is no other file
            if report.samefile(path):
                raise InputError(f"{report} is {what} and would be overwritten; give another path", field="--report")


class _Lines(list[str]):
    write = list.append


def _line(cells: tuple[str, ...]) -> str:
    lines = _Lines()
    csv.writer(lines).writerow([_guarded(_LINE_BREAKS.sub(" ", cell)) for cell in cells])
    return "".join(lines)


def _guarded(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell
