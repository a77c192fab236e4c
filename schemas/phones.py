"""Phone numbers as people write them: one spelling of a number, and mobile numbers inside other text."""

import re
from typing import Final

_NARROW: Final = str.maketrans("０１２３４５６７８９＋－　\u2010\u2011\u2013\u00a0", "0123456789+- --- ")
"""Wide digits and the separators that phone numbers are written with; one character for one."""
_CHINESE_MOBILE: Final = re.compile(r"\+?(?:(?:00)?86)?(?P<number>1[3-9][0-9]{9})")
_MOBILE: Final = r"(?<![0-9])(?:(?:\+|00)?86[ .-]?)?1[3-9][0-9][ .-]?[0-9]{4}[ .-]?[0-9]{4}(?![0-9])"
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
