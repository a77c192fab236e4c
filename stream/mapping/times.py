"""Times as they are written, to milliseconds since 1970 UTC."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.rejects import Reject
from stream.mapping.text import quoted

NAMES: Final = ("auto", "iso", "epoch_s", "epoch_ms", "excel")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EXCEL: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's days have no zone of their own
_EXCEL_DAYS: Final = range(36526, 80000)
"""2000 to 2119. No other number that is a time is as small."""
_YEARS: Final = (1900, 2199)
"""0001-01-01, 1899-12-30 and 9999-12-31 stand for nothing, or for ever, where a program had no time to write."""
_LOOSE = re.compile(
    r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?"
    r"(?:[ T]*([0-9]{1,2})[:时点]([0-9]{1,2})(?:[:分]([0-9]{1,2})(?:\.[0-9]{1,6})?)?[分秒]?)?"
)
_DIGITS = re.compile(r"[0-9]{5,14}(?:\.[0-9]{1,11})?")
_MAX_CHARACTERS: Final = 40

Reader = Callable[[Any], int]


def time(formats: Sequence[str], zone: ZoneInfo) -> Reader:
    """A reader of times; it tries the formats in turn and raises Reject, its detail without a field name."""
    readers = [_reader(name, zone) for name in formats]
    known = "auto" in formats
    wanted = "; give it like 2026-11-11 20:00:00" if known else f" of the format {' or '.join(formats)}"

    def read(raw: Any) -> int:
        if isinstance(raw, str) and len(raw) > _MAX_CHARACTERS:
            raise Reject("out_of_range", f"{quoted(raw)} is no time")
        outside = False
        for one in readers:
            try:
                at = one(raw)
            except (ValueError, OverflowError, TypeError):
                continue
            if at in _MOMENTS:
                return at
            outside = True
        if outside:
            says = f"lies outside of the years {_YEARS[0]} to {_YEARS[1]}; leave it empty where there is none"
            raise Reject("out_of_range", f"{quoted(raw)} {says}")
        raise Reject("out_of_range", f"{quoted(raw)} is no time{wanted}")

    return read


def day(formats: Sequence[str], zone: ZoneInfo) -> Callable[[Any], str]:
    """A reader of times as the day in the zone: YYYY-MM-DD."""
    read = time(formats, zone)
    return lambda raw: (_EPOCH + timedelta(milliseconds=read(raw))).astimezone(zone).date().isoformat()


def check_format(name: str) -> None:
    """Raise ValueError, its text the fix, when this is no format of times."""
    if name in NAMES:
        return
    if "%" not in name:
        raise ValueError(f"there is no format {name[:40]!r}; give one of {', '.join(NAMES)} or a pattern with %Y")
    # Without a year it would be 1900 for ever.
    if not any(mark in name for mark in ("%Y", "%y", "%c", "%x", "%G")):
        raise ValueError(f"the pattern {name[:40]!r} has no year")
    example = datetime(2026, 11, 11, 20, 0, 1, tzinfo=UTC)
    try:
        datetime.strptime(example.strftime(name), name)  # noqa: DTZ007 - only to see whether it can be read
    except re.error as error:  # a part of it is there twice
        raise ValueError(f"the pattern {name[:40]!r} cannot be used: {error}") from None


def _reader(name: str, zone: ZoneInfo) -> Reader:
    if name == "auto":
        return partial(_auto, zone=zone)
    if name == "iso":
        return partial(_iso, zone=zone)
    if name == "epoch_s":
        return lambda raw: round(_number(raw) * 1000)
    if name == "epoch_ms":
        return lambda raw: round(_number(raw))
    if name == "excel":
        return lambda raw: _days(_number(raw), zone)
    return lambda raw: _ms(datetime.strptime(raw, name), zone)  # noqa: DTZ007 - the zone follows


def _auto(raw: Any, zone: ZoneInfo) -> int:
    if isinstance(raw, str):
        if _DIGITS.fullmatch(raw):
            return _digits(raw, zone)
        try:
            return _iso(raw, zone)
        except ValueError:
            return _loose(raw, zone)
    if isinstance(raw, int | float):
        return _counted(raw, zone)
    return _iso(raw, zone)


def _iso(raw: Any, zone: ZoneInfo) -> int:
    if isinstance(raw, datetime):
        return _ms(raw, zone)
    if isinstance(raw, date):
        return _ms(datetime(raw.year, raw.month, raw.day), zone)  # noqa: DTZ001 - the zone follows
    # Any character may stand between day and hour for Python, digits and the sign of a zone too.
    if raw[10:11] not in {"", "T", "t", " "} or raw[4:5] != "-":
        raise ValueError(raw)
    return _ms(datetime.fromisoformat(raw), zone)


def _ms(at: datetime, zone: tzinfo) -> int:
    since = (at if at.tzinfo else at.replace(tzinfo=zone)) - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


_MOMENTS: Final = range(_ms(datetime(_YEARS[0], 1, 1), UTC), _ms(datetime(_YEARS[1] + 1, 1, 1), UTC))  # noqa: DTZ001


def _number(raw: Any) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise TypeError(raw)
    if isinstance(raw, str) and not _DIGITS.fullmatch(raw):
        raise ValueError(raw)
    return float(raw) if isinstance(raw, str) and "." in raw else raw if not isinstance(raw, str) else int(raw)


def _digits(raw: str, zone: ZoneInfo) -> int:
    if len(raw) == 14 and raw.isdecimal():
        return _ms(datetime.strptime(raw, "%Y%m%d%H%M%S"), zone)  # noqa: DTZ007 - the zone follows
    if len(raw) == 8 and raw.isdecimal():
        return _ms(datetime.strptime(raw, "%Y%m%d"), zone)  # noqa: DTZ007 - the zone follows
    return _counted(_number(raw), zone)


def _counted(raw: float, zone: ZoneInfo) -> int:
    """Seconds and milliseconds since 1970 have 10 and 13 digits from 2001 to 2286; a spreadsheet's days have 5."""
    if isinstance(raw, bool):
        raise TypeError(raw)
    if 1e9 <= raw < 1e10:
        return round(raw * 1000)
    if 1e12 <= raw < 1e13:
        return round(raw)
    if int(raw) in _EXCEL_DAYS:
        return _days(raw, zone)
    raise ValueError(raw)


def _days(raw: float, zone: ZoneInfo) -> int:
    # To the second: that is what a day's fraction of a spreadsheet means, and the rest is the fraction's own error.
    return _ms(_EXCEL + timedelta(seconds=round(raw * 86_400)), zone)


def _loose(raw: str, zone: ZoneInfo) -> int:
    match = _LOOSE.fullmatch(raw.strip())
    if match is None:
        raise ValueError(raw)
    return _ms(datetime(*(int(part) for part in match.groups(default="0"))), zone)  # type: ignore[arg-type]  # noqa: DTZ001
