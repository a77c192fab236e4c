"""Texts in the place of a click token, none of which is one, each with the worker's word for what is wrong."""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode

from schemas.token import TEXT_LENGTH, Signer
from tests.support.events import AT_MS

KEY = b"\xab" * 32
"""Of key id 1, the only live one."""
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_FOREIGN = (
    "STATE",
    "1",
    "qr_2026_双十一",
    "导购三",
    "scene=12&x=1",
    "null",
    "undefined",
    "{}",
    "'; DROP--",
    "=" * 30,
    "0" * 30,
)


def bad_tokens() -> dict[str, str]:
    """Some 600 texts of at most 30 characters, each of which an event may carry."""
    rng = random.Random(5)
    signer = Signer(1, KEY, edge=1)
    good = [signer.sign(number, AT_MS - number, number) for number in range(1, 60)]
    found = dict.fromkeys(_FOREIGN, "malformed")
    for text in good:
        cut = rng.randrange(1, TEXT_LENGTH)
        found |= dict.fromkeys(
            (text[:cut], text[cut:], text[:-1] + "=", text[:cut] + "导" + text[cut + 1 :]), "malformed"
        )
        found |= dict.fromkeys((text[::-1], text.swapcase()), "")
        found[_with_bit(text, rng.randrange(8, 176))] = "forged"
        found[text[: TEXT_LENGTH - 11] + good[0][-11:] if text != good[0] else text[:-1] + "B"] = ""
        found[Signer(1, rng.randbytes(32), edge=1).sign(1, AT_MS, rng.randrange(99))] = "forged"
        found[Signer(rng.randrange(2, 16), KEY, edge=1).sign(1, AT_MS, rng.randrange(99))] = "unknown_key"
        found["".join(rng.choices(_ALPHABET, k=TEXT_LENGTH))] = ""
    return {text: word for text, word in found.items() if text and text not in good}


def _with_bit(text: str, bit: int) -> str:
    """The token with one bit of it changed, the key's id left as it is."""
    raw = bytearray(urlsafe_b64decode(text + "=="))
    raw[bit // 8] ^= 1 << bit % 8
    return urlsafe_b64encode(raw)[:TEXT_LENGTH].decode()
