import json

import pytest

from schemas.conversions import MAX_PROPERTY_TEXT, Conversion
from schemas.person_hashes import known_hashes
from schemas.personal import PersonKeys, phone_hashes, protect
from schemas.personal_names import kind_of
from schemas.phones import normal_phone
from schemas.rejects import Reject

OLD, NEW = b"old" * 8, b"new" * 8
KEYS = PersonKeys(2, {2: NEW, 1: OLD})
PHONE = "13800138000"
HASH = phone_hashes(PHONE, KEYS)[0]


def event(**fields: object) -> Conversion:
    made: Conversion = {"v": 1, "event_id": "e", "type": "lead", "occurred_at": 1_700_000_000_000, **fields}  # type: ignore[typeddict-item] # the test's own fields
    return made


def properties(**given: str | float | bool | None) -> dict[str, str | float | bool | None]:
    return protect(event(properties=given), KEYS)["properties"]


@pytest.mark.parametrize(
    "written",
    [
        "13800138000",
        " 138 0013 8000",
        "138-0013-8000",
        "+8613800138000",
        "+86 (138) 0013-8000",
        "008613800138000",
        "8613800138000",
        "１３８００１３８０００",
        "＋８６　１３８－００１３－８０００",
    ],
)
def test_every_spelling_of_a_phone_number_is_one_number(written: str) -> None:
    assert normal_phone(written) == "+8613800138000"
    assert properties(phone=written) == {"phone_hash": HASH}
    with pytest.raises(Reject, match="customer_id: it is a phone number"):
        protect(event(customer_id=written), KEYS)


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("010-12345678", "+861012345678"),
        ("+86 10 1234 5678", "+861012345678"),
        ("+1 (212) 555-0100", "+12125550100"),
        ("0012125550100", "+12125550100"),
        ("95588", "95588"),
        ("none", ""),
    ],
)
def test_other_numbers_are_told_apart_by_their_prefix(written: str, number: str) -> None:
    assert normal_phone(written) == number


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *[
            (name, "phone")
            for name in ("phone", "Mobile", "buyer_phone", "receiverMobile", "tel-2", "手机号", "收货人电话")
        ],
        *[
            (name, "name")
            for name in ("name", "realName", "nickname", "user_name", "姓名", "联系人", "微信昵称", "收货人")
        ],
        *[
            (name, "phone")
            for name in ("phone_num", "contact", "contactNumber", "手机号（必填）", "您的联系方式", "传真")
        ],
        *[(name, "name") for name in ("客户名称", "家长姓名", "childName", "签收人", "中文名")],
        *[(name, "address") for name in ("address", "shipping_address_1", "收货地址", "detail_address", "门牌号")],
        *[(name, "id_card") for name in ("id_card", "ID-Card No", "身份证号码")],
        *[(name, "email") for name in ("email", "邮箱地址")],
        *[(name, "wechat") for name in ("wechat_id", "wxid", "微信号")],
        *[(name, "qq") for name in ("QQ", "qq号")],
        *[(name, "bank_card") for name in ("bank_card_no", "银行卡号")],
        ("车牌号", "plate"),
        *[
            (name, "")
            for name in (
                "product_name",
                "campaign",
                "tag",
                "dwell_ms",
                "score",
                "shop_name",
                "user",
                "id",
                "",
                "名称",
                "必填",
            )
        ],
    ],
)
def test_the_name_of_a_property_says_whether_it_names_a_person(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_an_event_that_names_nobody_is_handed_back_as_it_is() -> None:
    plain = event(customer_id="wmAbC", visitor_id="v1", properties={"dwell_ms": 1200, "tag": "VIP", "given": True})
    assert protect(plain, KEYS) is plain
    bare = event(customer_id="wmAbC")
    assert protect(bare, KEYS) is bare


def test_the_event_given_is_never_altered() -> None:
    given = event(properties={"phone": PHONE})
    protect(given, KEYS)
    assert given["properties"] == {"phone": PHONE}


def test_a_number_within_text_is_replaced_where_it_stands() -> None:
    assert properties(note=f"请致电{PHONE}，谢谢") == {"note": f"请致电{HASH}，谢谢"}
    assert properties(note="+86 138 0013 8000!") == {"note": f"{HASH}!"}
    assert properties(order=13800138000.0, **{f"id{PHONE}": 1}) == {"order": HASH, "id***": 1}


@pytest.mark.parametrize(
    "text",
    [
        "2023-11-22 13:00:00.123456",
        "138001380001",
        "e" * 21 + PHONE,
        "0a13800138000b" * 4,
        "1a2b3c4d-1380-4138-8138-13800138000a",
    ],
)
def test_what_only_contains_eleven_digits_is_no_phone_number(text: str) -> None:
    assert properties(reference=text) == {"reference": text}


@pytest.mark.parametrize(
    "written",
    [
        "138-001-38000",
        "(138) 0013-8000",
        "138 - 0013 - 8000",
        "138\u200b0013\u200b8000",
        "138—0013—8000",
        "١٣٨٠٠١٣٨٠٠٠",
    ],
)
def test_numbers_within_text_are_found_however_they_are_grouped(written: str) -> None:
    assert properties(note=f"①{written}②") == {"note": f"①{HASH}②"}


def test_json_within_text_is_looked_into() -> None:
    name, address = properties(name="张三")["name_hash"], properties(address="南京西路 1 号")["address_hash"]
    inner = {
        "name": "张三",
        "items": [{"mobile": PHONE, "n": 1, "address": "南京西路 1 号"}],
        "again": '{"name":"张三"}',
    }
    found = properties(form=json.dumps(inner))["form"]
    assert json.loads(str(found)) == {
        "name_hash": name,
        "items": [{"phone_hash": HASH, "n": 1, "address_hash": address}],
        "again": json.dumps({"name_hash": name}, separators=(",", ":")),
    }
    assert properties(form=found) == {"form": found}


def test_a_part_of_json_that_is_a_person_is_hashed_as_a_whole() -> None:
    found = str(properties(form='{"contact":{"who":"张三"},"address":["南京西路","1 号"]}')["form"])
    assert json.loads(found).keys() == {"phone_hash", "address_hash"}
    assert "张三" not in found


@pytest.mark.parametrize("text", ['{"a": 1, "b": [true, null, 1.50]}', "[1,2]", "{not json", "[笑]", "[" * 500])
def test_json_and_brackets_that_name_nobody_stay_to_the_letter(text: str) -> None:
    assert properties(form=text) == {"form": text}
    assert properties(form=f"{text}{PHONE}") != {"form": f"{text}{PHONE}"}


def test_json_that_is_too_deep_or_too_long_is_not_kept() -> None:
    with pytest.raises(Reject, match=r"properties.form: holds JSON that is nested deeper than 8 levels"):
        properties(form="[" * 250 + "]" * 250)
    many = json.dumps([{"name": "张"} for _ in range(20)], ensure_ascii=False)
    assert properties(form=many) == {"form": "[personal]"}


def test_several_numbers_of_one_person_are_all_kept() -> None:
    other = phone_hashes("13900139000", KEYS)[0]
    assert properties(phone="13800138000/13900139000") == {"phone_hash": f"{HASH} {other}"}
    assert properties(phone=PHONE, mobile="13900139000") == {"phone_hash": HASH, "phone_hash_2": other}
    assert properties(phone=PHONE, mobile=13800138000) == {"phone_hash": HASH}


def test_names_are_one_whatever_their_case_and_spaces() -> None:
    assert properties(name="Li  Na") == properties(realName="li na ")
    assert properties(name="Li Na") != properties(email="Li Na")


def test_whether_there_is_a_phone_may_be_said() -> None:
    assert properties(phone=True, name=None, email="") == {"phone": True, "name": None, "email": ""}


def test_a_name_in_the_place_of_a_hash_is_hashed() -> None:
    assert properties(name_hash="李娜") == {"name_hash": properties(name="李娜")["name_hash"]}
    assert properties(phone_hash=HASH) == {"phone_hash": HASH}


def test_a_text_full_of_numbers_stays_within_its_limit() -> None:
    found = properties(note=" ".join([PHONE] * 40))["note"]
    assert isinstance(found, str)
    assert found == " ".join(["[phone]"] * 40)
    assert len(found) <= MAX_PROPERTY_TEXT


@pytest.mark.parametrize("name", ["referred_by", "alias"])
def test_the_id_of_another_customer_is_no_phone_number_either(name: str) -> None:
    with pytest.raises(Reject, match=f"properties.{name}: it is a phone number"):
        properties(**{name: PHONE})


def test_the_first_key_writes_and_all_are_looked_up() -> None:
    new, old = phone_hashes("138 0013 8000", KEYS)
    assert new.startswith("k2:")
    assert old.startswith("k1:")
    assert protect(event(properties={"phone": PHONE}), PersonKeys(1, {1: OLD}))["properties"] == {"phone_hash": old}


def test_kinds_share_no_hash_and_keys_are_not_shown() -> None:
    assert known_hashes("customer", "a", KEYS) != known_hashes("visitor", "a", KEYS)
    assert "old" not in repr(KEYS)
