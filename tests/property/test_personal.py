"""Laws of `schemas.personal`: nothing in clear survives, and what is protected stays as it is."""

import re

from hypothesis import given
from hypothesis import strategies as st

from schemas.conversions import CONTRACT, Conversion
from schemas.personal import PersonKeys, phone_hashes, protect

KEYS = PersonKeys(1, {1: b"k" * 32})

mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
spellings = st.sampled_from(
    ["{0}", "+86{0}", "0086 {0}", "{1}-{2}-{3}", "+86 {1} {2} {3}", "{1}.{2}.{3}", "{1} {2}-{3}"]
)
wide = str.maketrans("0123456789", "０１２３４５６７８９")


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A mobile number, and one way to write it."""
    number = draw(mobiles)
    text = draw(spellings).format(number, number[:3], number[3:7], number[7:])
    return number, text.translate(wide) if draw(st.booleans()) else text


around = st.text(st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="+-"), max_size=12)
names = st.sampled_from(
    ["phone", "收货人电话", "name", "note", "remark", "备注", "tag", "phone_hash", "email_hash", "q"]
)
plain = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=60) | st.just("13800138000")
any_name = names | st.text(min_size=1, max_size=64)


def event(properties: dict[str, str | float | bool | None]) -> Conversion:
    return {"v": 1, "event_id": "e", "type": "lead", "occurred_at": 1_700_000_000_000, "properties": properties}


@given(names, around, written(), around)
def test_no_mobile_number_survives_in_any_property(name: str, before: str, number: tuple[str, str], after: str) -> None:
    found = protect(event({name: f"{before}{number[1]}{after}"}), KEYS)["properties"]
    [value] = found.values()
    assert isinstance(value, str)
    without_hashes = re.sub(r"k1:[0-9a-f]{32}", "", value)
    assert re.sub(r"[^0-9]", "", without_hashes.translate(str.maketrans("０１２３４５６７８９", "0123456789"))) in (
        "",
        "86",
        "0086",
    )
    assert number[1] not in value


@given(written())
def test_the_number_is_found_by_its_hash_however_it_was_written(number: tuple[str, str]) -> None:
    assert protect(event({"buyer_phone": number[1]}), KEYS)["properties"] == {
        "phone_hash": phone_hashes(number[0], KEYS)[0]
    }


@given(st.dictionaries(any_name, plain, max_size=32))
def test_protecting_twice_changes_nothing_and_keeps_to_the_contract(
    properties: dict[str, str | float | bool | None],
) -> None:
    once = protect(event(properties), KEYS)
    assert protect(once, KEYS) == once
    for name, rule in CONTRACT.optional.items():
        if name in once:
            assert rule.check(name, once["properties"]) is None


@given(st.sampled_from(["name", "姓名", "realName", "收货地址", "email", "id_card"]), st.text(min_size=1, max_size=60))
def test_no_name_survives(name: str, value: str) -> None:
    [(kept, found)] = protect(event({name: value}), KEYS)["properties"].items()
    assert kept.endswith("_hash")
    assert isinstance(found, str)
    assert re.fullmatch(r"k1:[0-9a-f]{32}", found)
