import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.conversions import SIGNED_AMOUNT
from schemas.money import plain, units


@pytest.mark.parametrize(
    ("amount", "spelt"),
    [
        ("12.50", "12.5"),
        ("12.00", "12"),
        ("100", "100"),
        ("007", "7"),
        ("0.05", "0.05"),
        ("-0.0", "0"),
        ("-1.10", "-1.1"),
    ],
)
def test_an_amount_has_one_spelling(amount: str, spelt: str) -> None:
    assert plain(amount) == spelt


@given(st.from_regex(SIGNED_AMOUNT, fullmatch=True))
def test_it_is_the_same_amount(amount: str) -> None:
    assert units(plain(amount)) == units(amount)
    assert plain(plain(amount)) == plain(amount)
