import pytest

from schemas.clicks import CONTRACT, MAX_CLICK_BYTES, Click, decode_click
from schemas.codec import LAST_MS
from schemas.rejects import REASONS, Reject
from schemas.token import EPOCH_MS
from tests.support.events import AT_MS, click, encode
from tests.support.poison import FUTURE_MS, Poison, corpus

CORPUS = corpus()


def decode(value: bytes | None) -> Click:
    return decode_click(value, AT_MS, FUTURE_MS)


@pytest.mark.parametrize("poison", CORPUS, ids=[poison.name for poison in CORPUS])
def test_bad_input_is_rejected_with_its_reason(poison: Poison) -> None:
    with pytest.raises(Reject) as caught:
        decode(poison.value)
    assert caught.value.reason == poison.reason, caught.value.detail
    assert caught.value.detail
    assert len(caught.value.detail) <= 500


def test_the_corpus_has_every_reason_that_a_value_can_give() -> None:
    assert {poison.reason for poison in CORPUS} == REASONS - {"unreadable"}


def test_a_good_click_is_what_was_written() -> None:
    assert decode(encode(click())) == click()


def test_the_contract_names_the_fields_of_the_type() -> None:
    assert {"v", *CONTRACT.required, *CONTRACT.optional} == set(Click.__annotations__)
    assert {"v", *CONTRACT.required} == Click.__required_keys__


def test_fields_of_a_newer_producer_are_dropped() -> None:
    newer = click(colour="red", nested={"a": [1, {"b": None}]}, number=1e3, huge=2**60)
    assert decode(encode(newer)) == click()


@pytest.mark.parametrize("at_ms", [EPOCH_MS, AT_MS, AT_MS + FUTURE_MS])
def test_times_at_the_edges_are_accepted(at_ms: int) -> None:
    assert decode(encode(click(ts=at_ms)))["ts"] == at_ms


def test_one_millisecond_beyond_the_limit_is_future() -> None:
    with pytest.raises(Reject, match="300001 ms ahead") as caught:
        decode(encode(click(ts=AT_MS + FUTURE_MS + 1)))
    assert caught.value.reason == "future"


def test_the_last_moment_a_token_can_name_is_in_range() -> None:
    assert decode_click(encode(click(ts=LAST_MS)), LAST_MS, 0)["ts"] == LAST_MS


def test_eight_levels_of_brackets_are_allowed_and_brackets_in_text_are_none() -> None:
    good = encode(click(ua='Mozilla/5.0 [[[[[[[[[[ \\" {{{{{{{{{{ \\'))
    assert decode(good)["ua"].startswith("Mozilla/5.0 [[")
    deep = good[:-1] + b',"more":' + b"[" * 7 + b"]" * 7 + b"}"
    assert decode(deep)["link"] == "a8Xk2Pq"


def test_siblings_do_not_add_up_to_depth() -> None:
    assert decode(encode(click(more=[[1], [2], [3], [4], [5], [6], [7], [8], [9]])))["v"] == 1


def test_a_click_of_exactly_the_largest_size_is_read() -> None:
    good = encode(click())
    padded = good + b" " * (MAX_CLICK_BYTES - len(good))
    assert decode(padded) == click()


def test_every_field_at_its_limit_fits_the_largest_size() -> None:
    largest = {"v": 1, "ts": AT_MS}
    for name, rule in {**CONTRACT.required, **CONTRACT.optional}.items():
        maximum = getattr(rule, "maximum", None)
        if maximum:
            # Four bytes of UTF-8 a character.
            largest[name] = "\U0001f600" * maximum
    assert len(encode(click(**largest))) <= MAX_CLICK_BYTES


def test_words_of_closed_sets_are_shared_objects() -> None:
    first, second = decode(encode(click())), decode(encode(click()))
    assert first["kind"] is second["kind"]
    assert first["fetch"] is second["fetch"]


def test_a_reject_shows_the_field_and_what_is_allowed() -> None:
    with pytest.raises(Reject, match="outcome: 'vanished' is none of disabled, expired"):
        decode(encode(click(outcome="vanished")))
