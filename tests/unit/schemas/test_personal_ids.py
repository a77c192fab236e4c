import pytest

from schemas.conversions import MAX_EVENT_ID, MAX_ID, Conversion
from schemas.person_hashes import PersonKeys, lasting_hash
from schemas.personal import protect
from schemas.rejects import Reject
from stream.attribute.refund import order_event_id

KEYS = PersonKeys(2, {2: b"n" * 32, 1: b"o" * 32})
BEFORE = PersonKeys(1, {1: b"o" * 32})
PHONE = "13812345678"


def event(event_id: str, **fields: object) -> Conversion:
    made: Conversion = {"v": 1, "event_id": event_id, "type": "lead", "occurred_at": 1_700_000_000_000, **fields}  # type: ignore[typeddict-item] # the test's own fields
    return made


def order(order_id: str, keys: PersonKeys = KEYS, event_id: str = "") -> Conversion:
    """An order as it is kept."""
    return protect(event(event_id or f"order_paid:{order_id}", type="order_paid", order_id=order_id, amount="1"), keys)


@pytest.mark.parametrize(
    "event_id",
    [
        *(PHONE, f"lead:{PHONE}", f"{PHONE}-1", f"lead/{PHONE}/2026", f"+86{PHONE}", f"x:0086{PHONE}"),
        *("lead:１３８１２３４５６７８", f"lead:{PHONE}导", f"留资 {PHONE}", f"11:{PHONE}_a"),
    ],
)
def test_an_event_id_made_of_a_phone_number_is_rejected_with_what_to_do(event_id: str) -> None:
    with pytest.raises(Reject, match=r"event_id: there is a phone number in it.*an id of your own") as caught:
        protect(event(event_id, customer_id="c1"), KEYS)
    assert caught.value.reason == "out_of_range"
    assert PHONE not in caught.value.detail


@pytest.mark.parametrize(
    "event_id",
    [
        *(f"2{PHONE}", f"{PHONE}9", f"a{PHONE}", f"{PHONE}b", f"2026111815{PHONE}", "12812345678", "1381234567"),
        *("550e8400-e29b-41d4-a716-446655440000", "lead:1795000000000", "k1:13812345678abcdef13812345678abcd"),
        *("138-1234-5678", "留资:138"),
    ],
)
def test_digits_that_only_run_through_such_a_number_are_no_phone_number(event_id: str) -> None:
    one = event(event_id, customer_id="c1")
    assert protect(one, KEYS) is one
    assert order(event_id)["order_id"] == event_id


@pytest.mark.parametrize("order_id", [PHONE, f"SO-{PHONE}", f"{PHONE}-{PHONE}", f"单号{PHONE}"])
def test_an_order_number_that_may_be_a_phone_number_is_a_hash_by_which_order_and_refund_meet(order_id: str) -> None:
    paid = order(order_id)
    assert paid["order_id"] == lasting_hash("order", order_id, KEYS)
    assert paid["event_id"] == f"order_paid:{paid['order_id']}"
    refund_id = f"order_refunded:{order_id}:{PHONE}"
    refunded = protect(event(refund_id, type="order_refunded", order_id=order_id, amount="1"), KEYS)
    assert order_event_id(refunded) == paid["event_id"]
    assert PHONE not in refunded["event_id"]
    assert protect(paid, KEYS) is paid
    assert protect(refunded, KEYS) is refunded


def test_two_orders_stay_two_and_a_new_key_in_front_changes_none() -> None:
    assert order(PHONE)["event_id"] != order(f"SO-{PHONE}")["event_id"] != order("13812345679")["event_id"]
    assert order(PHONE) == order(PHONE, BEFORE)


def test_a_number_in_the_id_of_an_orders_event_is_hashed_where_it_stands() -> None:
    kept = order("o1", event_id=f"paid:{PHONE}:o1")
    assert kept["event_id"] == f"paid:{lasting_hash('order', PHONE, KEYS)}:o1"
    assert kept["order_id"] == "o1"


def test_ids_stay_within_their_limits() -> None:
    long = order(f"{'x' * (MAX_ID - 12)}-{PHONE}", event_id=" ".join([PHONE] * 10))
    assert len(long["order_id"]) <= MAX_ID
    assert len(long["event_id"]) <= MAX_EVENT_ID
