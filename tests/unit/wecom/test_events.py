"""WeCom's documented messages as conversions; field names and forms are those of path/92130, 92277, 97299 and 97402."""

from typing import Any

import pytest

from schemas.conversions import check_conversion
from stream.wecom import events, xml
from stream.wecom.events import KINDS, Mapped
from stream.wecom.reading import unknown_guide
from tests.support import wecom
from tests.support.wecom import CLICK, CORP, CORP_ID

AT_S = 1_795_334_400
CUSTOMER = "woAJ2GCAAAXtWyujaWJHDDGi0mACAAAA"
GUIDES = {"zhangsan": "g-001", "lisi": "g-002", "woGuideWithSuchAName": "g-003"}


def mapped(name: str, change: str = "", at_s: int = AT_S, **fields: Any) -> Mapped:
    return of(wecom.event(name, change, at_s=at_s, **fields))


def of(document: bytes) -> Mapped:
    found = events.to_conversions(xml.read(document, "message"), CORP, lambda userid: GUIDES.get(userid, ""))
    assert found.kind in KINDS
    for event in found.events:
        check_conversion(event, currency="CNY")
    return found


def contact(change: str, **fields: Any) -> Mapped:
    return mapped("change_external_contact", change, **{"UserID": "zhangsan", "ExternalUserID": CUSTOMER, **fields})


def one(found: Mapped) -> dict[str, Any]:
    assert found.problem == ""
    (event,) = found.events
    assert event.pop("event_id").startswith(f"wecom:{event['type']}:")
    return event


def test_a_customer_who_added_a_guide_by_a_click_of_ours() -> None:
    found = contact("add_external_contact", State=CLICK, WelcomeCode="WELCOMECODE")
    assert (found.kind, found.state, found.unknown_guides) == ("add_external_contact", "token", 0)
    assert one(found) == {
        "type": "friend_added",
        "occurred_at": AT_S * 1000,
        "customer_id": CUSTOMER,
        "guide_id": "g-001",
        "token": CLICK,
    }


@pytest.mark.parametrize(
    ("state", "kind", "fields"),
    [
        ("teststate", "foreign", {"properties": {"state": "teststate"}}),
        (CLICK[:-1], "foreign", {"properties": {"state": CLICK[:-1]}}),
        (CLICK + "0", "foreign", {"properties": {"state": CLICK + "0"}}),
        ("ab7abe9a03841062ff564b179fd578", "foreign", {"properties": {"state": "ab7abe9a03841062ff564b179fd578"}}),
        ("朋友圈-双十一", "foreign", {"properties": {"state": "朋友圈-双十一"}}),
        ("x" * 600, "foreign", {"properties": {"state": "x" * 128}}),
        ("", "none", {}),
    ],
)
def test_a_state_that_is_no_token_is_kept_beside_the_event(state: str, kind: str, fields: dict[str, Any]) -> None:
    found = contact("add_external_contact", State=state)
    event = one(found)
    assert (found.state, "token" in event) == (kind, False)
    assert {name: event[name] for name in fields} == fields


def test_no_code_that_lets_its_holder_act_is_kept() -> None:
    found = contact("add_external_contact", WelcomeCode="SECRETCODE", ChatKey="SECRETKEY", Token="SECRETTOKEN")
    assert "SECRET" not in repr(found)


@pytest.mark.parametrize(
    ("change", "extra", "type_", "properties"),
    [
        ("add_half_external_contact", {}, "friend_requested", {"wecom": "add_half_external_contact"}),
        ("del_external_contact", {}, "friend_dropped", None),
        ("del_external_contact", {"Source": "DELETE_BY_TRANSFER"}, "friend_dropped", {"reason": "transfer"}),
        ("del_follow_user", {}, "friend_deleted", None),
    ],
)
def test_what_happens_between_a_customer_and_a_guide(
    change: str, extra: dict[str, str], type_: str, properties: dict[str, str] | None
) -> None:
    event = one(contact(change, **extra))
    assert (event["type"], event["customer_id"], event["guide_id"]) == (type_, CUSTOMER, "g-001")
    assert event.get("properties") == properties


def test_a_request_without_verification_keeps_its_click_or_its_foreign_state() -> None:
    assert one(contact("add_half_external_contact", State=CLICK))["token"] == CLICK
    told = one(contact("add_half_external_contact", State="poster"))["properties"]
    assert told == {"wecom": "add_half_external_contact", "state": "poster"}


def test_deletions_have_no_state_and_are_not_counted_as_without_one() -> None:
    assert contact("del_follow_user").state == contact("del_external_contact").state == ""


@pytest.mark.parametrize(
    ("name", "change", "fields", "kind"),
    [
        ("change_external_contact", "edit_external_contact", {}, "edit_external_contact"),
        ("change_external_contact", "transfer_fail", {"FailReason": "customer_refused"}, "transfer_fail"),
        ("change_external_contact", "msg_audit_approved", {}, "other"),
        ("change_external_tag", "create", {"Id": "TAG_ID", "TagType": "tag"}, "other"),
        ("change_external_chat", "create", {"ChatId": "wr1"}, "chat_create"),
        ("change_external_chat", "dismiss", {"ChatId": "wr1"}, "chat_dismiss"),
        ("change_external_chat", "update", {"ChatId": "wr1", "UpdateDetail": "del_member"}, "chat_update"),
        ("change_external_chat", "update", {"ChatId": "wr1", "UpdateDetail": "change_owner"}, "chat_update"),
        ("customer_acquisition", "balance_low", {}, "acquisition_balance_low"),
        ("customer_acquisition", "balance_exhausted", {}, "acquisition_balance_exhausted"),
        ("customer_acquisition", "balance_increased", {}, "acquisition_balance_increased"),
        ("customer_acquisition", "quota_expire_soon", {"ExpireQuotaNum": 5}, "acquisition_quota_expire_soon"),
        ("customer_acquisition", "link_unavailable", {"LinkId": "caw1"}, "acquisition_link_unavailable"),
        ("customer_acquisition", "delete_link", {"LinkId": "caw1"}, "acquisition_delete_link"),
        ("customer_acquisition", "message_from_customer", {"ChatKey": "K"}, "acquisition_message_from_customer"),
        ("customer_acquisition", "del_follow_user", {}, "acquisition_del_follow_user"),
        ("kf_msg_or_event", "", {"Token": "ENC", "OpenKfId": "wk1"}, "kf_msg_or_event"),
        ("subscribe", "", {}, "other"),
        ("", "", {}, "other"),
        ("change_contact", "create_user", {"Name": "张三", "Mobile": "13800138000"}, "other"),
    ],
)
def test_what_makes_no_event_is_known_by_its_kind(name: str, change: str, fields: dict[str, Any], kind: str) -> None:
    assert mapped(name, change, **fields) == Mapped(kind)


def test_an_ordinary_message_is_of_another_kind() -> None:
    document = wecom.xml(ToUserName=CORP_ID, FromUserName="mycreate", CreateTime=AT_S, MsgType="text", Content="hello")
    assert of(document) == Mapped("other")


@pytest.mark.parametrize(
    ("change", "type_", "told"),
    [
        ("friend_request", "friend_requested", {"wecom": "friend_request"}),
        ("open_profile", "page_view", {"page": "wecom_profile"}),
    ],
)
def test_what_somebody_did_on_an_acquisition_link_is_known_by_its_click(
    change: str, type_: str, told: dict[str, str]
) -> None:
    event = one(mapped("customer_acquisition", change, LinkId="cawcdea7783d7330c6", State=CLICK))
    assert event == {
        "type": type_,
        "occurred_at": AT_S * 1000,
        "token": CLICK,
        "properties": {**told, "wecom_link_id": "cawcdea7783d7330c6"},
    }


@pytest.mark.parametrize(("state", "kind"), [("poster", "foreign"), ("", "none")])
def test_without_a_click_of_ours_nobody_knows_who_it_was_and_it_is_only_counted(state: str, kind: str) -> None:
    found = mapped("customer_acquisition", "friend_request", LinkId="caw1", State=state)
    assert (found.events, found.state, found.problem) == ((), kind, "")


def test_the_first_message_of_a_customer() -> None:
    found = mapped("customer_acquisition", "customer_start_chat", UserID="lisi", ExternalUserID=CUSTOMER)
    assert one(found) == {
        "type": "message_in",
        "occurred_at": AT_S * 1000,
        "customer_id": CUSTOMER,
        "guide_id": "g-002",
    }


def test_each_customer_who_joined_a_group_and_none_of_the_corps_own_people() -> None:
    others = [f"wm{number:030}" for number in range(3)]
    members = (*others, "zhangsan", "wangwu", "woGuideWithSuchAName", others[0], "wb" + "0" * 30, "")
    found = mapped(
        "change_external_chat",
        "update",
        ChatId="wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA",
        UpdateDetail="add_member",
        JoinScene=3,
        MemChangeCnt=len(members),
        MemChangeList=members,
        LastMemVer="6ebe",
        CurMemVer="1572",
    )
    assert (found.kind, [event["customer_id"] for event in found.events]) == ("chat_add_member", others)
    assert len({event["event_id"] for event in found.events}) == 3
    assert found.events[0]["properties"] == {"chat_id": "wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA", "join_scene": "3"}


def test_a_group_change_that_names_nobody_says_so() -> None:
    found = mapped("change_external_chat", "update", ChatId="wr1", UpdateDetail="add_member", MemChangeCnt=2)
    assert found.kind == "chat_add_member"
    assert "MemChangeList" in found.problem


def test_a_suites_message_says_the_same_in_its_own_words() -> None:
    fields: dict[str, Any] = {
        "SuiteId": "ww4asffe99e54c0f4c",
        "AuthCorpId": CORP_ID,
        "InfoType": "change_external_contact",
        "TimeStamp": AT_S,
        "ChangeType": "add_external_contact",
        "UserID": "zhangsan",
        "ExternalUserID": CUSTOMER,
        "State": CLICK,
    }
    assert of(wecom.xml(**fields)).events == contact("add_external_contact", State=CLICK).events
    assert of(wecom.xml(**{**fields, "AuthCorpId": "wxsomebodyelse"})) == Mapped("other_corp")


def test_a_userid_that_no_guide_has_stays_in_the_event() -> None:
    found = contact("add_external_contact", UserID="wangwu@hq")
    assert one(found)["guide_id"] == "wecom:wangwu@hq"
    assert found.unknown_guides == 1


def test_a_long_unknown_userid_is_cut_and_still_its_own() -> None:
    one_, other = unknown_guide("a" * 63 + "1"), unknown_guide("a" * 63 + "2")
    assert len(one_) == len(other) == 64
    assert one_ != other
    assert unknown_guide("b" * 58) == "wecom:" + "b" * 58


def test_a_repeated_message_has_the_same_id_and_no_other_event_of_that_second_has_it() -> None:
    def ids(**changed: Any) -> str:
        fields = {"at_s": AT_S, "UserID": "zhangsan", "ExternalUserID": CUSTOMER, "State": CLICK, **changed}
        (event,) = mapped("change_external_contact", fields.pop("change", "add_external_contact"), **fields).events
        return str(event["event_id"])

    assert ids() == ids() == ids(WelcomeCode="given only once"), "what comes along does not matter"
    others = [
        ids(ExternalUserID=CUSTOMER[:-1] + "B"),
        ids(UserID="lisi"),
        ids(UserID="zhangsa", ExternalUserID="n" + CUSTOMER),
        ids(at_s=AT_S + 1),
        ids(State=""),
        ids(change="add_half_external_contact"),
        ids(change="del_follow_user"),
        ids(change="del_external_contact"),
    ]
    assert len({ids(), *others}) == 1 + len(others)


def test_ids_stay_what_they_are_or_everything_that_comes_again_would_count_twice() -> None:
    (event,) = contact("add_external_contact", State="teststate").events
    assert event["event_id"] == "wecom:friend_added:33e05fb34782d1760978c9e4e103b83a"


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"UserID": ""}, "UserID"),
        ({"ExternalUserID": ""}, "ExternalUserID"),
        ({"CreateTime": "yesterday"}, "CreateTime"),
        ({"CreateTime": "-1"}, "CreateTime"),
        ({"CreateTime": "1795334400.5"}, "CreateTime"),
        ({"CreateTime": "179533440000"}, "CreateTime"),
        ({"CreateTime": "１７９５３３４４００"}, "CreateTime"),
        ({"CreateTime": ""}, "CreateTime"),
    ],
)
def test_a_message_that_lacks_what_is_documented_makes_nothing_and_names_it(fields: dict[str, str], names: str) -> None:
    given = {"Event": "change_external_contact", "ChangeType": "add_external_contact", "UserID": "zhangsan"}
    found = of(wecom.xml(**{**given, "ExternalUserID": CUSTOMER, "CreateTime": str(AT_S), **fields}))
    assert (found.kind, found.events) == ("add_external_contact", ())
    assert names in found.problem


def test_a_field_that_is_there_twice_makes_nothing() -> None:
    document = wecom.event("change_external_contact", "add_external_contact", at_s=AT_S, UserID="a", ExternalUserID="b")
    found = of(document.replace(b"</xml>", b"<UserID>lisi</UserID></xml>"))
    assert (found.kind, found.events) == ("add_external_contact", ())
    assert "UserID" in found.problem
    assert of(document.replace(b"</xml>", b"<Event>x</Event></xml>")).kind == "other"


def test_kinds_are_a_closed_set_without_doubles() -> None:
    assert len(set(KINDS)) == len(KINDS)
