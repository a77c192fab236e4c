"""Amounts of money as people, shops and spreadsheets write them."""

from typing import Any

import pytest

from schemas.rejects import Reject
from stream.mapping.money import money, total

YUAN = money("yuan", absolute=False)
FEN = money("fen", absolute=False)


@pytest.mark.parametrize(
    ("raw", "amount"),
    [
        ("0", "0"),
        ("12", "12"),
        ("12.50", "12.5"),
        ("12.00", "12"),
        ("100", "100"),
        ("1,234.50", "1234.5"),
        ("12,345,678", "12345678"),
        ("¥12.50", "12.5"),
        ("￥ 12.50", "12.5"),
        ("12.5元", "12.5"),
        ("-¥3", "-3"),
        ("CNY 7", "7"),
        ("7 RMB", "7"),
        ("１２．５０", "12.5"),
        ("+5", "5"),
        ("-5.5", "-5.5"),
        ("-0.00", "0"),
        (".5", "0.5"),
        ("5.", "5"),
        ("007.10", "7.1"),
        ("0.0001", "0.0001"),
        ("999999999999.9999", "999999999999.9999"),
        (7, "7"),
        (-7, "-7"),
        (12.5, "12.5"),
        (19.989999999999998, "19.99"),
        (0.1 + 0.2, "0.3"),
        (1e-4, "0.0001"),
    ],
)
def test_amounts_are_read_exactly(raw: Any, amount: str) -> None:
    assert YUAN(raw) == amount


@pytest.mark.parametrize(
    ("raw", "amount"), [("1234", "12.34"), (5, "0.05"), ("1,000", "10"), ("12.5", "0.125"), (0, "0")]
)
def test_hundredths_are_hundredths(raw: Any, amount: str) -> None:
    assert FEN(raw) == amount


def test_a_minus_sign_can_be_dropped() -> None:
    assert money("yuan", absolute=True)("-12.50") == "12.5"
    assert money("fen", absolute=True)(-1250) == "12.5"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        " ",
        "abc",
        "12,50",  # twelve and a half, or 1250?
        "1,23",
        "1,2345",
        ",123",
        "1.234.567",
        "12.5.0",
        "--5",
        "5-",
        "(5)",
        "1e5",
        "1E+05",
        "0x10",
        "NaN",
        "Infinity",
        "½",
        "五",
        "$5",
        "12 34",
        "0.00001",
        "1234567890123",
        "9" * 41,
        "9" * 24 + ".1",
        "0." + "0" * 30 + "1",
        float("nan"),
        float("inf"),
        1e300,
        1e12,
        1e-9,
        10**12,
        2**200,
        True,
        None,
        [],
        {},
        b"5",
    ],
)
def test_what_is_no_amount_is_refused_and_never_rounded(raw: Any) -> None:
    with pytest.raises(Reject):
        YUAN(raw)


def test_a_third_of_a_hundredth_is_refused() -> None:
    with pytest.raises(Reject, match="not rounded"):
        FEN("0.001")


def test_sums_are_exact() -> None:
    assert total(["0.1", "0.2", "-0.3"]) == "0"
    assert total(["150", "49"]) == "199"
    assert total(["1.5"]) == "1.5"
    with pytest.raises(Reject):
        total(["999999999999", "1"])
