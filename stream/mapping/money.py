"""Amounts of money as they are written, to exact decimal text."""

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from schemas.rejects import Reject
from stream.mapping.spec import Unit
from stream.mapping.text import quoted

_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,4})?")
_NUMBER = re.compile(r"([-+]?)(?:([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(\.[0-9]*)?|(\.[0-9]+))")
"""Thousands may be set apart, but only as thousands: `12,50` could be twelve and a half."""
_SIGNS = re.compile(r"^([-+]?)(?:CN¥|[¥￥]|RMB|CNY)\s*|\s*(?:元|RMB|CNY)$", re.IGNORECASE)
_WIDE: Final = str.maketrans("０１２３４５６７８９．，－＋", "0123456789.,-+")
_MAX_CHARACTERS: Final = 40
_MAX_DIGITS: Final = 24
_LIMIT: Final = Decimal(10) ** 12
_KEPT_DIGITS: Final = ".15g"
"""Of a binary fraction: as many as a spreadsheet shows and no more than it keeps, so 19.989999999999998 is 19.99."""


def money(unit: Unit, *, absolute: bool) -> Callable[[Any], str]:
    """A reader of amounts in a unit; it returns decimal text and raises Reject, its detail without a field name."""

    def read(raw: Any) -> str:
        # The usual form, which costs the tenth part.
        if ready and type(raw) is str and _PLAIN.fullmatch(raw) and raw[0] != "-":
            return _short(raw)
        amount = _decimal(raw)
        if unit == "fen":
            amount = amount.scaleb(-2)
        return _text(abs(amount) if absolute else amount)

    ready = unit == "yuan"
    return read


def total(amounts: list[str]) -> str:
    """The sum of amounts as `money` returns them."""
    return amounts[0] if len(amounts) == 1 else _text(sum(map(Decimal, amounts), Decimal(0)))


def _short(text: str) -> str:
    """One spelling for one amount."""
    return text.rstrip("0").rstrip(".") if text[-1] == "0" and "." in text else text


def _decimal(raw: Any) -> Decimal:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return _finite(str(raw))
    if isinstance(raw, float):
        return _finite(format(raw, _KEPT_DIGITS))
    if not isinstance(raw, str):
        raise Reject("wrong_type", f"{quoted(raw)} is no amount of money")
    if len(raw) > _MAX_CHARACTERS:
        raise Reject("out_of_range", f"{quoted(raw)} is no amount of money")
    text = raw.translate(_WIDE).strip()
    match = _NUMBER.fullmatch(_SIGNS.sub(r"\1", text))
    if match is None:
        raise Reject("out_of_range", f"{quoted(raw)} is no amount of money; give it like 1234.50")
    sign, whole, fraction, bare = match.groups()
    return _finite(sign + (bare or whole.replace(",", "") + (fraction or "")))


def _finite(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    # Arithmetic is exact within 28 digits only.
    if not amount.is_finite() or len(amount.as_tuple().digits) > _MAX_DIGITS:
        raise Reject("out_of_range", f"{quoted(text)} is no amount of money")
    return amount


def _text(amount: Decimal) -> str:
    if abs(amount) >= _LIMIT:
        raise Reject("out_of_range", f"{quoted(amount)} has more than 12 digits before the point")
    text = _short(format(amount, "f"))
    text = "0" if text == "-0" else text
    if _PLAIN.fullmatch(text) is None:
        raise Reject("out_of_range", f"{quoted(text)} has more than 4 digits after the point, and money is not rounded")
    return text
