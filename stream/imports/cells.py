"""What the cells of a sheet hold: texts of the common table, numbers, and which of these are dates."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from math import isfinite
from typing import IO, Any, Final, NamedTuple

from stream.imports.archive import MAX_DEPTH, Archive, Local, parser, stream, too_deep

_BUILT_IN: Final = {str(n): "d" for n in (*range(14, 23), *range(27, 37), 45, 47, *range(50, 59))} | {"46": "[h]"}
"""Formats of dates and times that a workbook need not write down, those of Chinese and Japanese editions too."""
_LITERAL = re.compile(r'"[^"]*"|[\\_*].|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
"""What stands in a format for itself, and colours, currencies and conditions."""
_LENGTH = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_DATE = re.compile(r"[dmhys]", re.IGNORECASE)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's days have no zone of their own
_EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001 - likewise
_LEAP_DAY_1900: Final = 60
"""The 29th of February 1900, which spreadsheets believe in: days before it count one more."""

Convert = Callable[[float], Any]


class Bad(NamedTuple):
    """A cell whose value is not there."""

    detail: str


NOT_COMPUTED: Final = Bad("is a formula without a saved result; open the file, save it, and import it again")
ERROR: Final = Bad("is an error of the spreadsheet, like #N/A, or a date that no calendar has")


class Cells:
    """Reads the cells of one workbook."""

    def __init__(self, strings: list[str], dates: dict[str, Convert]) -> None:
        """`dates`: by the number of a style, how its numbers become dates."""
        self._strings, self._dates = strings, dates

    def value(self, kind: str | None, style: str | None, text: str) -> Any:
        """The value of a cell that is not empty. Raises ValueError, IndexError or OverflowError when it is broken."""
        if kind == "s":
            return self._strings[int(text)] or None
        if kind is None or kind == "n":
            return self._number(style, text)
        if kind in {"inlineStr", "str", "d"}:
            return unescaped(text)
        if kind == "b":
            return bool(int(text))
        if kind == "e":
            return ERROR
        raise ValueError(f"there is a cell of the type {kind[:20]}")

    def _number(self, style: str | None, text: str) -> Any:
        number = int(text) if text.isdecimal() else float(text)
        convert = self._dates.get(style or "0")
        if convert is not None:
            return convert(number)
        if not isfinite(number):
            raise ValueError(f"{text[:20]} is no number")
        return number


def read_strings(part: IO[bytes]) -> list[str]:
    """The texts of a workbook. Raises InputError."""
    made: list[str] = []
    texts: list[str] = []
    tags = Local()
    depth = 0

    def start(name: str, _: Any) -> None:
        within()
        tag = tags[name]
        if tag == "t":
            reader.CharacterDataHandler = texts.append
        elif tag == "rPh":  # how to pronounce it
            reader.StartElementHandler = within

    def within(*_: Any) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise too_deep()

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        tag = tags[name]
        reader.CharacterDataHandler = None
        if tag == "si":
            made.append(unescaped("".join(texts)))
            texts.clear()
        elif tag == "rPh":
            reader.StartElementHandler = start

    reader = parser()
    reader.StartElementHandler, reader.EndElementHandler = start, end
    return list(stream(part, reader, made))


def unescaped(text: str) -> str:
    """Text as it was before characters that XML cannot hold were written as `_x000D_`."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def date_styles(archive: Archive, name: str, *, since_1904: bool) -> dict[str, Convert]:
    """By the number of a style, how its numbers become dates. Raises InputError."""
    to_moment = partial(_moment, _EPOCH_1904 if since_1904 else _EPOCH)
    formats: dict[str, str] = {}
    found: dict[str, Convert] = {}
    count = 0
    for element, attributes in archive.elements(name, "numFmts/numFmt", "cellXfs/xf"):
        known = attributes.get("numFmtId", "0")
        if element == "numFmts/numFmt":
            formats[known] = attributes.get("formatCode", "")
            continue
        code = formats.get(known) or _BUILT_IN.get(known, "")
        # What comes behind the semicolon is for numbers below zero.
        shown = _LITERAL.sub("", code.partition(";")[0])
        if _LENGTH.search(shown):
            found[str(count)] = _length
        elif _DATE.search(shown):
            found[str(count)] = to_moment
        count += 1
    return found


def _moment(epoch: datetime, days: float) -> Any:
    try:
        # To the millisecond: more is the error of a day's fraction.
        at = timedelta(days=int(days), milliseconds=round(days % 1 * 86_400_000))
        if at < timedelta(days=1):
            return (epoch + at).time()
        return epoch + at + timedelta(days=epoch == _EPOCH and days < _LEAP_DAY_1900)
    except (OverflowError, ValueError):
        return ERROR


def _length(days: float) -> Any:
    try:
        return timedelta(seconds=round(days * 86_400))
    except (OverflowError, ValueError):
        return ERROR


def _character(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character.isprintable() or character in "\t\r\n" else match[0]
