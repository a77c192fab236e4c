"""Laws of the click token: it comes back as it went out, and no other text passes for one."""

import random
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.token import COUNTERS, EDGES, EPOCH_MS, TEXT_LENGTH, MalformedTokenError, Signer, Token, verify

KEYS = {1: bytes(range(32)), 9: b"\x07" * 16, 15: b"\xff" * 64}
TOKENS = st.builds(
    Token,
    link_number=st.integers(1, 2**32 - 1),
    at_ms=st.integers(EPOCH_MS, EPOCH_MS + 2**40 - 1),
    edge=st.integers(0, EDGES - 1),
    counter=st.integers(0, COUNTERS - 1),
    key_id=st.sampled_from(sorted(KEYS)),
)
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def signed(token: Token) -> str:
    return Signer(token.key_id, KEYS[token.key_id], token.edge).sign(token.link_number, token.at_ms, token.counter)


def refused(text: str) -> bool:
    try:
        verify(text, KEYS)
    except MalformedTokenError:
        return True
    return False


@given(TOKENS)
def test_a_token_comes_back_as_it_went_out(token: Token) -> None:
    text = signed(token)
    assert len(text) == TEXT_LENGTH
    assert set(text) <= set(ALPHABET)
    assert verify(text, KEYS) == token


@given(TOKENS, TOKENS)
def test_different_clicks_have_different_tokens(one: Token, other: Token) -> None:
    assert (signed(one) == signed(other)) == (one == other)


@given(TOKENS)
def test_a_key_that_is_gone_or_another_refuses(token: Token) -> None:
    with pytest.raises(MalformedTokenError, match="unknown key"):
        verify(signed(token), {})
    with pytest.raises(MalformedTokenError, match="MAC"):
        verify(signed(token), {token.key_id: b"another key entirely"})


def test_every_change_of_one_bit_is_refused() -> None:
    raw = urlsafe_b64decode(signed(Token(600, 1_795_000_000_000, 3, 77, 1)) + "==")
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(urlsafe_b64encode(changed)[:TEXT_LENGTH].decode())


def test_every_change_of_one_character_is_refused() -> None:
    text = signed(Token(600, 1_795_000_000_000, 3, 77, 1))
    for place in range(TEXT_LENGTH):
        for other in ALPHABET + "+/=. \n\0é导":
            if other != text[place]:
                assert refused(text[:place] + other + text[place + 1 :])


def test_every_cut_and_every_addition_is_refused() -> None:
    text = signed(Token(600, 1_795_000_000_000, 3, 77, 1))
    for end in range(TEXT_LENGTH):
        assert refused(text[:end])
        assert refused(text[end + 1 :])
    for addition in ("=", "==", " ", "\n", "A", "\0"):
        assert refused(text + addition)
        assert refused(addition + text)


def test_five_hundred_forgeries_are_refused() -> None:
    rng = random.Random(1)
    heads = [urlsafe_b64decode(signed(Token(n, 1_795_000_000_000 + n, 3, n, 1)) + "==")[:14] for n in range(1, 251)]
    for head in heads:
        assert refused(urlsafe_b64encode(head + rng.randbytes(8))[:TEXT_LENGTH].decode())
        assert refused("".join(rng.choices(ALPHABET, k=TEXT_LENGTH)))


@given(st.text(max_size=60))
def test_no_text_crashes_it(text: str) -> None:
    assert refused(text)
