"""Money as integers of ten-thousandths: exact, and what a Decimal(18, 4) column is made of."""

from typing import Final

UNITS: Final = 10_000
"""To one of the currency."""
MOST: Final = 10**18 - 1
"""The largest that Decimal(18, 4) holds."""


def units(amount: str) -> int:
    """Ten-thousandths of an amount that matches `schemas.conversions.SIGNED_AMOUNT`."""
    whole, _, part = amount.partition(".")
    if not part:
        return int(whole) * UNITS
    return int(whole + part.ljust(4, "0"))  # the sign stands before all digits, so -0.5 keeps it


def plain(amount: str) -> str:
    """The amount in its one spelling, which is that of a Decimal column: `12.50` is `12.5`, `-007` is `-7`."""
    if "." not in amount and amount[0] not in "0-":
        return amount
    whole, _, part = amount.removeprefix("-").partition(".")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    text = f"{whole}.{part}" if part else whole
    return f"-{text}" if amount[0] == "-" and text != "0" else text


def clamped(sum_of_units: int) -> int:
    """What a column can hold of a sum, which has no bound of its own."""
    return max(-MOST, min(MOST, sum_of_units))
