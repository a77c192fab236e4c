"""What WeCom seals opens again, and nothing else does."""

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from stream.wecom import xml
from stream.wecom.crypto import unseal
from stream.wecom.refusal import Refused
from tests.support.wecom import encrypted, padded, sealed

RECEIVERS = st.text(max_size=64).filter(lambda text: text.isprintable())
KEYS = st.binary(min_size=32, max_size=32)


@given(st.binary(max_size=5_000), RECEIVERS, KEYS)
def test_a_sealed_message_opens_to_itself(message: bytes, receiver: str, key: bytes) -> None:
    assert unseal(sealed(message, receiver, key), key, receiver) == message


@given(st.binary(max_size=200), RECEIVERS, RECEIVERS, KEYS)
def test_only_its_receiver_can_open_it(message: bytes, receiver: str, other: str, key: bytes) -> None:
    with suppress(Refused):
        assert unseal(sealed(message, receiver, key), key, other) == message
        assert other == receiver


@given(st.binary(max_size=300), KEYS)
def test_nothing_that_is_decrypted_raises_anything_but_a_refusal(text: bytes, key: bytes) -> None:
    for whole in (padded(text), text + bytes(-len(text) % 32)):
        with suppress(Refused):
            opened = unseal(encrypted(whole, key), key, "")
            assert whole[20:].startswith(opened)


@given(st.text(max_size=300))
def test_no_text_raises_anything_but_a_refusal(text: str) -> None:
    with suppress(Refused):
        unseal(text, bytes(32), "")


@given(st.binary(max_size=300) | st.text(max_size=300).map(lambda text: f"<xml><A>{text}</A></xml>".encode()))
def test_no_document_raises_anything_but_a_refusal(document: bytes) -> None:
    with suppress(Refused):
        found = xml.read(document, "message")
        assert set(found.fields) <= {"A"} or b"<xml" in document
