"""Text, numbers and flags of payloads."""

import math
import re
import unicodedata
from datetime import date, datetime
from typing import Any, Final

from schemas.codec import EXACT
from schemas.rejects import Reject

EXACT_DIGITS: Final = 10**15
"""Spreadsheets keep 15 digits of a number and put zeros for the rest: an id of more is not what it was."""
_SHORTENED = re.compile(r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]{2,}")
_SHOWN: Final = 40
_YES: Final = frozenset({"yes", "true", "1", "y", "是", "有", "同意", "已授权"})
_NO: Final = frozenset({"no", "false", "0", "n", "否", "无", "不同意", "未授权"})


def quoted(raw: Any) -> str:
    """A value as messages show it: in quotes, cut, and nothing in it that a terminal would obey. Chinese stays."""
    shown = raw[:_SHOWN] if isinstance(raw, str) else str(raw)[:_SHOWN]
    return "'" + "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in shown) + "'"


def text(raw: Any) -> str:
    """An id or a word."""
    if type(raw) is str:
        if _SHORTENED.fullmatch(raw):
            raise Reject(
                "out_of_range", f"{quoted(raw)} was shortened by a spreadsheet; make the column text before saving"
            )
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, int):
        return str(raw)
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < EXACT_DIGITS:
        return str(int(raw))
    if isinstance(raw, float):
        raise Reject("out_of_range", f"{raw} is a number that lost digits; send ids as text")
    if isinstance(raw, date | datetime):
        return raw.isoformat()
    raise Reject("wrong_type", f"{quoted(raw)} is no text")


def word(raw: Any) -> str:
    """For comparisons, which never fail."""
    if type(raw) is str:
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < EXACT_DIGITS:
        return str(int(raw))
    return str(raw) if isinstance(raw, int | float) else ""


def folded(text: str) -> str:
    """One spelling of what looks alike to people: `订单号 `, `ORDER_ID`, `Cancelled` and full-width letters."""
    return unicodedata.normalize("NFKC", text).strip().casefold()


def plain(raw: Any) -> Any:
    """Text, number or flag as it came."""
    if isinstance(raw, str | bool):
        return raw
    return _kept(raw, raw) if isinstance(raw, int | float) else text(raw)


def number(raw: Any) -> int | float:
    """A number, from text too."""
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise Reject("wrong_type", f"{quoted(raw)} is no number")
    try:
        value = float(raw) if not isinstance(raw, str) or len(raw) <= _SHOWN else math.nan
    except (ValueError, OverflowError):
        value = math.nan
    return _kept(value, raw)


def flag(raw: Any) -> bool:
    """Yes or no."""
    known = folded(word(raw))
    if known in _YES:
        return True
    if known in _NO:
        return False
    raise Reject("out_of_range", f"{quoted(raw)} is neither yes nor no")


def _kept(value: float, raw: Any) -> int | float:
    """A number that every reader of JSON keeps, whole if it is; `raw`: what it is in a message."""
    if -EXACT <= value <= EXACT:
        return int(value) if value == int(value) else value
    if isinstance(value, int) or math.isfinite(value):
        raise Reject("out_of_range", f"{quoted(raw)} has more digits than numbers keep; send an id as text")
    raise Reject("out_of_range", f"{quoted(raw)} is no number")
