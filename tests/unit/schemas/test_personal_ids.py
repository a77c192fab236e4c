import pytest

from schemas.conversions import MAX_EVENT_ID, MAX_ID, Conversion
from schemas.erasure import CUSTOMER, erased_event
from schemas.person_hashes import PersonKeys, lasting_hash
from schemas.personal import protect
from schemas.phones import narrow
from schemas.rejects import Reject
from stream.attribute.refund import refunded_order

KEYS = PersonKeys(2, {2: b"n" * 32, 1: b"o" * 32})
BEFORE = PersonKeys(1, {1: b"o" * 32})
PHONE = "13812345678"


def event(event_id: str, **fields: object) -> Conversion:
    made: Conversion = {"v": 1, "event_id": event_id, "type": "lead", "occurred_at": 1_700_000_000_000, **fields}  # type: ignore[typeddict-item] # the test's own fields
    return made


def of_person(name: str, id_: str) -> Conversion:
    """An event with an id in the field, or in the property of the type whose id it is."""
    field, _, property_ = name.partition(".")
    if not property_:
        return event("e", **{field: id_})
    types = {"alias": "alias", "referred_by": "referred"}
    return event("e", type=types[property_], customer_id="c1", properties={property_: id_})


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
def test_a_number_in_an_event_id_is_hashed_and_the_event_comes_again_as_the_same(event_id: str) -> None:
    kept = protect(event(event_id, customer_id="c1"), KEYS)
    assert PHONE not in narrow(kept["event_id"])
    assert protect(kept, KEYS) is kept
    assert protect(event(event_id, customer_id="c1"), BEFORE) == kept


@pytest.mark.parametrize("name", ["customer_id", "visitor_id", "properties.alias", "properties.referred_by"])
@pytest.mark.parametrize(
    "id_",
    [
        PHONE,
        f"lead:{PHONE}",
        f"wx_{PHONE}",
        f"{PHONE}@crm",
        f"u-+86{PHONE}",
        f"会员{PHONE}",
        "wx_１３８１２３４５６７８",
    ],
)
def test_an_id_of_a_person_made_of_a_phone_number_is_rejected_with_what_to_do(name: str, id_: str) -> None:
    with pytest.raises(Reject, match=rf"{name}: it is a phone number or is made of one.*an id of your own") as caught:
        protect(of_person(name, id_), KEYS)
    assert caught.value.reason == "out_of_range"
    assert PHONE not in caught.value.detail


@pytest.mark.parametrize("name", ["customer_id", "visitor_id", "properties.alias", "properties.referred_by"])
@pytest.mark.parametrize(
    "id_",
    [
        *(
            "c123",
            f"a{PHONE}",
            f"{PHONE}b",
            f"2{PHONE}",
            f"{PHONE}9",
            "wmAbCdEf13812345678AbCdEf1234567",
            "12812345678",
        ),
        *("erased:13812345678abcdef13812345678abcd", "k1:13812345678abcdef13812345678abcd", "张三", "1234567890123"),
        *("13812345678abcdef13812345678abcd", "1a2b3c4d-1380-4138-8138-13800138000a", "138-1234"),
    ],
)
def test_other_ids_of_persons_stay_as_they_are(name: str, id_: str) -> None:
    assert protect(of_person(name, id_), KEYS) == of_person(name, id_)


def test_a_guide_whose_id_is_a_phone_number_gives_customers_away_under_it() -> None:
    handed = event("e", type="transferred", customer_id="c1", guide_id="g2", properties={"from_guide": PHONE})
    assert protect(handed, KEYS) == handed


def test_what_is_no_id_in_an_event_of_its_type_is_text_in_which_numbers_are_replaced() -> None:
    assert PHONE not in str(protect(event("e", customer_id="c1", properties={"alias": f"a{PHONE}"}), KEYS))


def test_whoever_was_taken_in_under_a_number_can_be_erased() -> None:
    erasing = erased_event(CUSTOMER, f"wx_{PHONE}", f"erased:{'0' * 32}", 1_700_000_000_000, "erased:1", KEYS)
    assert protect(erasing, KEYS) is erasing


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
    assert refunded_order(refunded) == paid["order_id"]
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
