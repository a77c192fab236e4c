import pytest

from schemas.conversions import Conversion, check_conversion
from schemas.erasure import CUSTOMER, VISITOR, erased_event, erased_id
from schemas.person_hashes import PersonKeys
from schemas.personal import protect
from schemas.rejects import Reject

KEYS = PersonKeys(2, {2: b"n" * 32, 1: b"o" * 32})
PSEUDONYM = "erased:" + "0f" * 16
AT_MS = 1_700_000_000_000


def event(kind: str = CUSTOMER, keys: PersonKeys = KEYS) -> Conversion:
    return erased_event(kind, "c1", PSEUDONYM, AT_MS, "e1", keys)


@pytest.mark.parametrize("kind", [CUSTOMER, VISITOR])
def test_the_event_is_a_conversion_that_passes_as_it_is(kind: str) -> None:
    made = event(kind)
    assert check_conversion(made, currency="CNY") == made
    assert protect(made, KEYS) is made
    assert erased_id(made) == (kind, "c1")


def test_a_proof_by_the_key_before_still_holds() -> None:
    made = event(keys=PersonKeys(1, {1: KEYS.by_id[1]}))
    assert protect(made, KEYS) is made


@pytest.mark.parametrize(
    "change",
    [
        {"customer_id": "c2"},
        {"event_id": "e2"},
        {"occurred_at": AT_MS + 1},
        {"properties": {"pseudonym": "erased:" + "00" * 16, "proof": event()["properties"]["proof"]}},
        {"properties": {"pseudonym": PSEUDONYM, "proof": "k2:" + "00" * 16}},
        {"properties": {"pseudonym": PSEUDONYM, "proof": "凭证"}},
        event(keys=PersonKeys(2, {2: b"x" * 32})),
    ],
)
def test_nobody_else_can_erase(change: Conversion) -> None:
    with pytest.raises(Reject, match="type: erased is written by"):
        protect({**event(), **change}, KEYS)
