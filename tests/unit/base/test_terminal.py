"""Text of others is shown and not obeyed."""

import pytest

from stream.base.terminal import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("订单号, amount\n第二行", "订单号, amount\n第二行"),
        ("\x1b[31m红\x1b]0;x\x07", r"\x1b[31m红\x1b]0;x\x07"),
        ("\x9b31m\r\u202e", r"\x9b31m\r\u202e"),
    ],
)
def test_what_a_terminal_would_obey_is_written_as_an_escape(text: str, shown: str) -> None:
    assert printable(text) == shown
