"""Click tokens that are out in the world are valid for ever, and mean what they meant."""

import json
from base64 import urlsafe_b64encode
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from schemas.token import EPOCH_MS, MalformedTokenError, Signer, Token, verify

GOLDEN = json.loads((Path(__file__).parents[2] / "schemas" / "golden" / "tokens.json").read_text())
KEYS = {int(id_): bytes.fromhex(key) for id_, key in GOLDEN["keys"].items()}


def built(case: dict[str, Any]) -> str:
    """The token by the words of the contract, written down a second time."""
    head = b"".join(
        (
            bytes([1 << 4 | case["key_id"]]),
            case["link_number"].to_bytes(4, "big"),
            (case["at_ms"] - EPOCH_MS).to_bytes(5, "big"),
            (case["edge"] << 22 | case["counter"]).to_bytes(4, "big"),
        )
    )
    mac = blake2b(head, key=KEYS[case["key_id"]], digest_size=8).digest()
    return urlsafe_b64encode(head + mac).rstrip(b"=").decode()


@pytest.mark.parametrize("case", GOLDEN["valid"], ids=lambda case: case["token"])
def test_a_token_once_made_is_made_the_same_and_read_the_same(case: dict[str, Any]) -> None:
    token = Token(case["link_number"], case["at_ms"], case["edge"], case["counter"], case["key_id"])
    assert verify(case["token"], KEYS) == token
    signer = Signer(token.key_id, KEYS[token.key_id], token.edge)
    assert signer.sign(token.link_number, token.at_ms, token.counter) == case["token"] == built(case)


@pytest.mark.parametrize("case", GOLDEN["invalid"], ids=lambda case: f"{case['why']}: {case['token']}")
def test_what_was_never_a_token_stays_none(case: dict[str, Any]) -> None:
    with pytest.raises(MalformedTokenError, match=case["why"]):
        verify(case["token"], KEYS)
