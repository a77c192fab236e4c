from schemas.attribution import Touch
from schemas.conversions import Conversion
from schemas.customers import CustomerState, encode_state, order_key
from schemas.erasure import CUSTOMER, erased_event
from schemas.person_hashes import PersonKeys
from stream.attribute.anonymous import erased, name_no_erased
from stream.attribute.customer import apply
from stream.attribute.erasures import Erasures
from tests.support.customer_rows import orders

KEYS = PersonKeys(1, {1: b"k" * 32})
PSEUDONYM = "erased:" + "0f" * 16


def order(amount: str, at_ms: int) -> Conversion:
    return {
        "v": 1,
        "event_id": amount,
        "type": "order_paid",
        "occurred_at": at_ms,
        "order_id": f"o{amount}",
        "amount": amount,
    }


def state(*events: Conversion, touch: Touch | None = None) -> CustomerState:
    made = CustomerState()
    for one in events:
        apply(made, one, one["occurred_at"], touch)
    return made


def test_numbers_and_times_stay_and_what_leads_to_the_person_goes() -> None:
    mine = state(order("10", 50), touch=Touch(40, "t" * 30, "spring", "g1"))
    mine.tags["孕妈"] = (50, False)
    found = erased(mine, CustomerState())
    assert (orders(found), found.revenue, found.first_order) == (1, 100_000, (50, order_key("o10")))
    assert found.touches == [Touch(40, "", "spring", "g1")]
    assert not found.tags
    assert "孕妈".encode() not in encode_state(found)
    assert mine.tags, "the lane's own state is not altered"


def test_what_the_pseudonym_has_already_is_added() -> None:
    found = erased(state(order("10", 50)), state(order("2.5", 70)))
    assert (orders(found), found.revenue, found.first_order) == (2, 125_000, (50, order_key("o10")))
    assert found.last_order_at == 70


def test_another_customer_names_the_pseudonym_as_who_brought_them() -> None:
    erasures = Erasures(KEYS, new_pseudonym=lambda: PSEUDONYM)
    other = CustomerState(referred=(90, "c1"))
    assert not name_no_erased(other, erasures)
    erasures.learn(erased_event(CUSTOMER, "c1", PSEUDONYM, 1_700_000_000_000, "x", KEYS))
    assert name_no_erased(other, erasures)
    assert other.referred == (90, PSEUDONYM)
    assert not name_no_erased(other, erasures)
    assert not name_no_erased(CustomerState(), erasures)
