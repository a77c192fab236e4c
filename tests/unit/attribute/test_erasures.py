from itertools import count

from schemas.conversions import Conversion
from schemas.erasure import CUSTOMER, VISITOR, erased_event, id_hash, unnamed_id
from schemas.person_hashes import PersonKeys
from stream.attribute.erasures import Erasure, Erasures

KEYS = PersonKeys(1, {1: b"k" * 32, 0: b"o" * 32})
PSEUDONYM = "erased:" + "0f" * 16
ERASED_MS = 1_700_000_000_000


def erasures(*known: Erasure) -> Erasures:
    numbers = count()
    return Erasures(KEYS, known, new_pseudonym=lambda: f"erased:{next(numbers):032x}")


def knowing(id_: str = "c1", kind: str = CUSTOMER) -> Erasures:
    found = erasures()
    found.learn(erased_event(kind, id_, PSEUDONYM, ERASED_MS, "x", KEYS))
    return found


def event(**fields: object) -> Conversion:
    made: Conversion = {"v": 1, "event_id": "e", "type": "lead", "occurred_at": ERASED_MS, **fields}  # type: ignore[typeddict-item] # the test's own fields
    return made


def test_without_erasures_every_event_is_handed_back_as_it_is() -> None:
    one = event(customer_id="c1", properties={"referred_by": "c2"})
    assert erasures().rewritten(one, ERASED_MS) is one


def test_what_happened_before_goes_to_the_pseudonym_and_what_happens_after_is_of_somebody_new() -> None:
    before, after = event(customer_id="c1"), event(customer_id="c1")
    assert knowing().rewritten(before, ERASED_MS) == event(customer_id=PSEUDONYM)
    assert knowing().rewritten(after, ERASED_MS + 1) is after
    other = event(customer_id="c11")
    assert knowing().rewritten(other, ERASED_MS) is other


def test_only_what_numbers_are_made_of_is_left() -> None:
    found = knowing().rewritten(
        event(
            event_id="lead:c1:7",
            customer_id="c1",
            visitor_id="v1",
            token="t" * 30,
            guide_id="g1",
            order_id="o1",
            amount="9.5",
            properties={"campaign": "spring", "phone_hash": "k1:00", "note": "c1", "tag": "李娜", "score": 5},
        ),
        ERASED_MS,
    )
    assert found == event(
        event_id=unnamed_id("lead:c1:7", KEYS),
        customer_id=PSEUDONYM,
        guide_id="g1",
        order_id="o1",
        amount="9.5",
        properties={"campaign": "spring", "tag": "erased", "score": 5},
    )


def test_a_browser_of_nobody_is_erased_like_a_customer() -> None:
    found = knowing("v1", VISITOR).rewritten(event(visitor_id="v1", token="t", properties={"dwell_ms": 3, "q": "x"}), 5)
    assert found == event(visitor_id=PSEUDONYM, properties={"dwell_ms": 3})


def test_a_customer_stays_who_they_are_when_only_their_browser_is_erased() -> None:
    found = knowing("v1", VISITOR).rewritten(event(customer_id="c1", visitor_id="v1", properties={"q": "x"}), 5)
    assert found == event(customer_id="c1", visitor_id=PSEUDONYM, properties={"q": "x"})


def test_an_id_that_names_somebody_becomes_one_word_however_often_the_event_comes() -> None:
    late = event(event_id="lead:c1:7", customer_id="c1")
    of_browser = event(event_id="view:v1:7", customer_id="c2", visitor_id="v1")
    before = PersonKeys(0, {0: KEYS.by_id[0]})
    for _ in range(2):
        assert knowing().rewritten(late, 5)["event_id"] == unnamed_id("lead:c1:7", KEYS)
        assert knowing("v1", VISITOR).rewritten(of_browser, 5)["event_id"] == unnamed_id("view:v1:7", KEYS)
    assert set(knowing().ids_of("lead:c1:7")) == {unnamed_id("lead:c1:7", KEYS), unnamed_id("lead:c1:7", before)}


def test_an_id_made_of_a_token_may_be_under_a_word_once_anybody_is_erased() -> None:
    told, other = event(event_id="lead:tok:7", token="tok"), event(event_id="lead:7", token="tok")
    assert not erasures().may_be_under_a_word(told)
    assert knowing().may_be_under_a_word(told)
    assert not knowing().may_be_under_a_word(other)
    late = knowing().rewritten(event(event_id="lead:tok:7", customer_id="c1", token="tok"), 5)
    assert late["event_id"] == unnamed_id("lead:tok:7", KEYS)


def test_an_erased_customer_is_not_named_by_others_either() -> None:
    found = knowing().rewritten(event(customer_id="c2", properties={"referred_by": "c1", "campaign": "x"}), ERASED_MS)
    assert found == event(customer_id="c2", properties={"referred_by": PSEUDONYM, "campaign": "x"})
    later = event(customer_id="c2", properties={"referred_by": "c1"})
    assert knowing().rewritten(later, ERASED_MS + 1) is later


def test_the_event_that_erases_is_left_alone() -> None:
    again = erased_event(CUSTOMER, "c1", PSEUDONYM, ERASED_MS, "y", KEYS)
    assert knowing().rewritten(again, ERASED_MS) is again


def test_hashes_of_the_key_before_are_known_as_well() -> None:
    old = id_hash(CUSTOMER, "c1", PersonKeys(0, {0: KEYS.by_id[0]}))
    assert erasures(Erasure(old, ERASED_MS, PSEUDONYM)).pseudonym(CUSTOMER, "c1", ERASED_MS) == PSEUDONYM


def test_of_two_erasures_the_latest_counts() -> None:
    known = id_hash(CUSTOMER, "c1", KEYS)
    found = erasures(Erasure(known, ERASED_MS, PSEUDONYM), Erasure(known, 5, "erased:" + "1" * 32))
    assert found.pseudonym(CUSTOMER, "c1", 6) == PSEUDONYM


def test_once_the_pseudonym_is_forgotten_stragglers_share_a_new_one() -> None:
    found = erasures(Erasure(id_hash(CUSTOMER, "c1", KEYS), ERASED_MS, ""))
    assert found.pseudonym(CUSTOMER, "c1", 5) == found.pseudonym(CUSTOMER, "c1", 6) == "erased:" + "0" * 32


def test_an_answer_is_forgotten_when_somebody_is_erased() -> None:
    found = knowing("c2")
    assert not found.pseudonym(CUSTOMER, "c1", 5)
    found.learn(erased_event(CUSTOMER, "c1", PSEUDONYM, ERASED_MS, "x", KEYS))
    assert found.pseudonym(CUSTOMER, "c1", 5) == PSEUDONYM
