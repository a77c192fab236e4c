"""The written rules, one by one; that the order of arrival is nothing to them stands in tests/property."""

import pytest

from schemas.attribution import SKEW_MS
from schemas.conversion_types import CONVERSION_TYPES
from schemas.customers import (
    ORDERS,
    CustomerState,
    UnreadableStateError,
    decode_state,
    encode_state,
    order_key,
)
from schemas.money import clamped, units
from stream.attribute.customer import OWN_ACTS, apply, merge
from tests.support.customer_events import HOUR_MS, customer, event, shown, touch
from tests.support.customer_rows import orders, summary
from tests.support.events import AT_MS


def at(hours: int) -> int:
    return AT_MS + hours * HOUR_MS


def test_nothing_is_known_of_a_customer_without_events() -> None:
    row = summary(CustomerState(), 48 * HOUR_MS)
    assert not any(row)
    assert row.first_added_at is None


def test_an_add_after_a_delete_makes_friends_again() -> None:
    row = shown((event("friend_added"), 0), (event("friend_deleted"), 1), (event("friend_added"), 2))
    assert row.relations == (("g1", at(2), at(1), "customer"),)
    assert row.first_added_at == at(0)


def test_a_delete_that_arrives_before_the_add_that_it_ends_ends_it() -> None:
    assert shown((event("friend_dropped"), 5), (event("friend_added"), 2)).relations == (("g1", at(2), at(5), "guide"),)


def test_relations_are_kept_per_guide() -> None:
    row = shown((event("friend_added"), 0), (event("friend_added", guide_id="g0"), 1), (event("friend_deleted"), 3))
    assert row.relations == (("g0", at(1), None, ""), ("g1", at(0), at(3), "customer"))


def test_a_transfer_ends_one_relation_and_begins_another_and_is_no_add() -> None:
    row = shown((event("friend_added"), 0), (event("transferred"), 4))
    assert row.relations == (("g1", at(0), at(4), "transfer"), ("g2", at(4), None, ""))
    assert row.first_added_at == at(0)
    assert shown((event("transferred"), 4)).first_added_at is None


def test_a_refund_may_come_before_its_order() -> None:
    row = shown((event("order_refunded", amount="30.5", margin="10.0001"), 9), (event("order_paid"), 1))
    assert (row.orders, row.revenue, row.refunds, row.margin) == (1, 1_000_000, 305_000, 299_999)
    assert (row.first_order_at, row.last_order_at) == (at(1), at(1))


def test_a_refund_without_a_margin_leaves_the_margin() -> None:
    row = shown((event("order_paid"), 1), (event("order_refunded", margin=None), 2))
    assert (row.refunds, row.margin) == (1_000_000, 400_000)


def test_an_order_may_have_a_negative_margin() -> None:
    assert shown((event("order_paid", margin="-0.5"), 1)).margin == -5_000


def test_an_order_that_is_paid_in_parts_is_one_order() -> None:
    rest = event("order_paid", event_id="rest", amount="20")
    row = shown((rest, 9), (event("order_paid"), 1), (event("order_paid", order_id="o2"), 1))
    assert (row.orders, row.payments, row.revenue) == (2, 3, units("220"))
    assert (row.first_order_at, row.first_order) == (at(1), min(order_key("o1"), order_key("o2")))
    assert dict(row.paid_orders) == {order_key("o1"): 2, order_key("o2"): 1}


def test_of_very_many_orders_some_are_known_one_by_one_and_all_are_counted_in_every_order() -> None:
    paid = [(event("order_paid", order_id=f"o{number}"), number) for number in range(ORDERS + 50)]
    state, again = customer(*paid), customer(*reversed(paid))
    assert encode_state(state) == encode_state(again)
    assert (orders(state), state.payments, len(state.paid_orders)) == (ORDERS + 50, ORDERS + 50, ORDERS)
    halves = [customer(*paid[:100], *paid[:3]), customer(*paid[90:])]
    whole = merge(halves)
    assert encode_state(whole) == encode_state(merge(reversed(halves)))
    assert encode_state(whole) == encode_state(customer(*paid[90:], *paid[:3], *paid[:100]))
    parts = {order_key(f"o{number}") for number in (0, 1, 2, *range(90, 100))}
    assert orders(whole) == ORDERS + 50 + len(parts - whole.paid_orders.keys())


def test_sums_beyond_what_a_number_of_eight_bytes_holds_are_exact() -> None:
    paid = event("order_paid", amount="999999999999.9999", margin="999999999999.9999")
    state = customer(*[(paid, 1)] * 1001)
    row = summary(decode_state(encode_state(state)), 0)
    assert row.revenue == row.margin == state.revenue == 1001 * 9_999_999_999_999_999
    assert summary(merge([state, state]), 0).payments == 2002


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("12", 120_000), ("12.5", 125_000), ("0.0001", 1), ("-0.5", -5_000), ("-3", -30_000)],
)
def test_money_is_read_exactly(text: str, expected: int) -> None:
    assert units(text) == expected
    assert clamped(expected) == expected


def test_the_last_word_on_consent_counts_and_withdrawn_wins_a_tie() -> None:
    given, withdrawn = event("consent"), event("consent", properties={"given": False})
    assert shown((withdrawn, 1), (given, 2)).consent == "given"
    assert shown((withdrawn, 3), (given, 2))[-5:-3] == ("withdrawn", at(3))
    assert shown((withdrawn, 2), (given, 2)).consent == shown((given, 2), (withdrawn, 2)).consent == "withdrawn"


def test_a_tag_that_was_taken_off_is_known_as_such() -> None:
    off = event("tagged", properties={"tag": "高意向", "removed": True})
    other = event("tagged", properties={"tag": "a"})
    assert shown((off, 4), (event("tagged"), 1), (other, 2)).tags == (("a", at(2), True), ("高意向", at(4), False))
    assert shown((off, 1), (event("tagged"), 1)).tags == (("高意向", at(1), False),)


def test_the_first_referral_counts() -> None:
    later = event("referred", properties={"referred_by": "c2"})
    assert shown((later, 3), (event("referred"), 1)).referred_by == "c7"


def test_a_message_before_the_add_makes_a_contact() -> None:
    row = shown((event("friend_added"), 5), (event("message_in"), 1), (event("message_out", guide_id="g2"), 49))
    assert row.first_contact_at == at(49)


def test_messages_further_apart_than_allowed_are_no_contact() -> None:
    assert shown((event("message_in"), 0), (event("message_out"), 49)).first_contact_at is None


def test_a_click_counts_once_however_many_events_carry_it() -> None:
    clicked = touch(at(-3))
    row = shown((event("friend_added"), 0, clicked), (event("order_paid"), 9, clicked))
    assert row[2:6] == (*clicked[:2], "g1", "a8Xk2Pq")
    assert (row.last_touch_at, row.last_click_id) == clicked[:2]
    assert len(customer((event("friend_added"), 0, clicked), (event("order_paid"), 9, clicked)).touches) == 1


def test_a_variant_that_is_learnt_later_is_filled_in() -> None:
    clicked = touch()
    for pair in ((clicked, clicked._replace(variant="B")), (clicked._replace(variant="B"), clicked)):
        assert shown(*((event("lead"), 1, each) for each in pair)).first_variant == "B"


def test_a_click_after_its_event_is_no_touch() -> None:
    state = CustomerState()
    apply(state, event("lead"), AT_MS, touch(AT_MS + SKEW_MS + 1))
    assert not state.touches
    apply(state, event("lead"), AT_MS, touch(AT_MS + SKEW_MS))
    assert len(state.touches) == 1


@pytest.mark.parametrize("kind", sorted(CONVERSION_TYPES - {"erased"}))
def test_only_what_customers_do_is_activity(kind: str) -> None:
    by_others = {"friend_dropped", "message_out", "group_post", "moments_post", "tagged", "task_assigned", "task_done"}
    by_others |= {"cost", "transferred", "alias"}
    amount = "1" if kind == "cost" or kind.startswith("order") else None
    assert (shown((event(kind, amount=amount), 3)).last_active_at == at(3)) == (kind not in by_others)
    assert (kind in OWN_ACTS) == (kind not in by_others)


def test_an_alias_changes_nothing_and_merging_adds_up_both() -> None:
    kept, alias = customer((event("order_paid"), 1)), customer((event("order_paid", order_id="o2"), 5))
    before = encode_state(kept)
    apply(kept, event("alias"), at(9))
    assert encode_state(kept) == before
    row = summary(merge([kept, alias]), 0)
    assert (row.orders, row.first_order_at, row.last_order_at) == (2, at(1), at(5))


@pytest.mark.parametrize(
    "value", [b"", b"{}", b'{"v":1}', b'{"v":2,"payments":"x"}', b"\xff", b'{"v":2,"tags":{"a":[1]}}']
)
def test_a_state_that_cannot_be_read_says_so(value: bytes) -> None:
    with pytest.raises(UnreadableStateError, match="cannot be read"):
        decode_state(value)


def test_the_smallest_state_is_its_version() -> None:
    assert encode_state(CustomerState()) == b'{"v":2,"messages":{}}'
    assert decode_state(b'{"v":2}') == CustomerState()
