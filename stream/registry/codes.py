"""Short codes: random, so that nobody can tell one link's code from another's or walk through them."""

import secrets
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LENGTH: Final = 7
"""62**7 are 3.5e12 codes: among a million links, one guess in 3.5 million finds one."""


def new_code() -> str:
    """A random code; whether a link has it already is for the caller to see."""
    number = secrets.randbelow(len(_ALPHABET) ** LENGTH)
    digits: list[str] = []
    for _ in range(LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)
