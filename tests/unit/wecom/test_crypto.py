"""Signature and seal, with the vectors of WeCom's own documents and libraries (the ones named in `crypto`)."""

import pytest

from stream.wecom.crypto import is_signed, key_of, signature, unseal
from stream.wecom.refusal import Refused
from tests.support.wecom import AES_KEY, CORP, CORP_ID, TOKEN, encrypted, padded, plain, sealed

ECHO = (
    ("5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", TOKEN, "1409659589", "263014780"),
    "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
)
MESSAGE = (
    ("477715d11cdb4164915debcba66cb864d751f3e6", TOKEN, "1409659813", "1372623149"),
    (
        "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvuJTs3"
        "TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gs"
        "ijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUa"
        "x5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIG"
        "HBZZIs2pDBS8R07+qN+E7Q=="
    ),
)


@pytest.mark.parametrize(("proof", "text"), [ECHO, MESSAGE])
def test_the_documented_signatures_are_right_and_no_others(proof: tuple[str, str, str, str], text: str) -> None:
    assert is_signed(*proof, text)
    for place, part in enumerate(proof):
        other = [*proof[:place], part[:-1] + ("0" if part[-1] != "0" else "1"), *proof[place + 1 :]]
        assert not is_signed(other[0], other[1], other[2], other[3], text)
    assert not is_signed(*proof, text[:-3] + "B==")


def test_the_documented_texts_open() -> None:
    assert unseal(ECHO[1], CORP.key, CORP_ID) == b"1616140317555161061"
    assert b"<Content><![CDATA[hello]]></Content>" in unseal(MESSAGE[1], CORP.key, CORP_ID)


def test_a_signature_with_other_letters_than_hex_is_wrong_and_no_error() -> None:
    assert not is_signed("签" * 40, TOKEN, "1", "2", "3")
    assert signature(TOKEN, "1", "2", "微信") != signature(TOKEN, "1", "2", "微")


def test_the_key_is_32_bytes_whatever_its_last_letter_says_beyond_them() -> None:
    assert len(key_of(AES_KEY)) == 32
    assert key_of(AES_KEY[:-1] + "D") == key_of(AES_KEY), "two bits of the last letter are nobody's"


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 27, 28, 29, 10_000])
def test_messages_of_every_length_open(length: int) -> None:
    assert unseal(sealed(b"x" * length), CORP.key, CORP_ID) == b"x" * length


def test_a_receiver_may_be_empty_when_that_is_the_one_asked_for() -> None:
    assert unseal(sealed(b"<xml/>", receiver=""), CORP.key, "") == b"<xml/>"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "sealed"),
        ("微信", "sealed"),
        ("not base64!", "sealed"),
        (sealed(b"x")[:-1], "sealed"),
        (sealed(b"x") + "=", "sealed"),
        ("\n" + sealed(b"x"), "sealed"),
        (encrypted(b"0" * 16), "sealed"),
        (encrypted(b"0" * 48), "sealed"),
        (encrypted(b"0" * 31 + b"\x00"), "sealed"),
        (encrypted(b"0" * 31 + b"\x21"), "sealed"),
        (encrypted(b"0" * 30 + b"\x03\x03"), "sealed"),
        (encrypted(b"\x20" * 32), "sealed"),
        (encrypted(padded(b"0" * 19)), "sealed"),
        (encrypted(padded(plain(b"x", length=len(CORP_ID) + 2))), "sealed"),
        (encrypted(padded(plain(b"x", length=2**32 - 1))), "sealed"),
        (encrypted(padded(plain(b"x", length=2**31))), "sealed"),
        (encrypted(padded(plain(b"x", length=0))), "receiver"),
        (encrypted(padded(plain(b"xy", length=1))), "receiver"),
        (sealed(b"x", receiver=CORP_ID + "0"), "receiver"),
        (sealed(b"x", receiver=CORP_ID[:-1]), "receiver"),
        (sealed(b"x", receiver=""), "receiver"),
        (sealed(b"x", receiver="企业微信"), "receiver"),
        (sealed(b"x", key=bytes(32)), "sealed"),
    ],
)
def test_what_is_not_sealed_as_documented_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Refused) as refused:
        unseal(text, CORP.key, CORP_ID)
    assert refused.value.reason == reason
    assert AES_KEY not in str(refused.value)
