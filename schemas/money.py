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


def clamped(sum_of_units: int) -> int:
    """What a column can hold of a sum, which has no bound of its own."""
    return max(-MOST, min(MOST, sum_of_units))
