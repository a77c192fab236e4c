"""Phone numbers as people write them: one spelling of a number, and mobile numbers inside other text."""

import re
import unicodedata
from typing import Final

_SEPARATORS: Final = {
    **dict.fromkeys("＋", "+"),
    **dict.fromkeys("－‐‑–—―−", "-"),
    # Some of them nobody sees: numbers that were copied out of a page have them.
    **dict.fromkeys("\u3000\u00a0\u2009\u202f\u200b\u200c\u200d\u2060\ufeff", " "),
    "（": "(",
    "）": ")",
}


class _Narrow(dict[int, str]):
    """One character for one: decimal digits of any script as ASCII, and what stands between those of phone numbers.

    Not digits in circles and the like, which stand beside numbers as marks.
    """

    def __missing__(self, code: int) -> str:
        char = chr(code)
        digit = unicodedata.decimal(char, None)
        self[code] = found = _SEPARATORS.get(char, char) if digit is None else str(digit)
        return found


_NARROW: Final = _Narrow()
_CHINESE_MOBILE: Final = re.compile(r"\+?(?:(?:00)?86)?(?P<number>1[3-9][0-9]{9})")
_MOBILE: Final = (
    r"(?<![0-9])(?:(?:\+|00)?86[ .-]{0,3})?\(?1[3-9][0-9]\)?[ .-]{0,3}"
    r"(?:[0-9]{4}[ .-]{0,3}[0-9]{4}|[0-9]{3}[ .-]{0,3}[0-9]{5})(?![0-9])"
)
_find_mobile: Final = re.compile(_MOBILE).search
_find_mobile_beside_digests: Final = re.compile(
    # Digests and UUIDs hold runs of eleven digits now and then; our own hashes are digests.
    rf"[0-9a-fA-F]{{32,}}|[0-9a-fA-F]{{8}}(?:-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}|(?P<mobile>{_MOBILE})"
).finditer
_is_mobile: Final = re.compile(r"[ (]*(?:(?:\+|00)?86)?[ ().-]*1[ ().-]*[3-9](?:[ ().-]*[0-9]){9}[ ().-]*").fullmatch


def narrow(text: str) -> str:
    """The text with ASCII digits, plus and separators, character for character."""
    return text if text.isascii() else text.translate(_NARROW)


def normal_phone(phone: str) -> str:
    """One spelling of a phone number: `+` and country code where it can be told, else its digits.

    `138 0013 8000`, `+86-13800138000`, `0086１３８...` are all `+8613800138000`. Empty when there is no digit in it.
    """
    text = narrow(phone).lstrip()
    digits = re.sub(r"[^0-9]", "", text)
    mobile = _CHINESE_MOBILE.fullmatch(digits)
    if mobile:
        return f"+86{mobile['number']}"
    if text.startswith("+"):
        return f"+{digits}"
    if digits.startswith("00"):
        return f"+{digits[2:]}"
    # A trunk prefix means a number within China: 010 1234 5678 is +86 10 1234 5678.
    return f"+86{digits[1:]}" if digits.startswith("0") and len(digits) >= 10 else digits


def is_mobile(text: str) -> bool:
    """Whether the text as a whole is a Chinese mobile number, however it is written."""
    return _is_mobile(narrow(text)) is not None


def has_mobile(text: str) -> bool:
    """Whether there may be a mobile number somewhere in the text; quick, for texts that mostly have none."""
    return len(text) >= 11 and _find_mobile(narrow(text)) is not None


def mobiles_in(text: str) -> list[tuple[int, int]]:
    """Where mobile numbers stand in the text, as half-open ranges in order; digests and UUIDs hold none."""
    return [found.span() for found in _find_mobile_beside_digests(narrow(text)) if found["mobile"]]
