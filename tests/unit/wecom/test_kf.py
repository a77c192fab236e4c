"""Messages of WeChat customer service; their form is that of sync_msg (path/94670)."""

from typing import Any

import orjson
import pytest

from schemas.conversions import check_conversion
from stream.base.errors import InputError
from stream.wecom.kf import MAX_PAGE, read_page, to_conversion
from tests.support.wecom import CLICK, CORP_ID

CUSTOMER = "wmAJ2GCAAAme1XQRC-NI-q0_ZM9ukoAw"


def message(event: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    entered = {
        "event_type": "enter_session",
        "open_kfid": "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q",
        "external_userid": CUSTOMER,
        "scene": "123",
        "scene_param": CLICK,
        "welcome_code": "SECRET",
    }
    head = {"msgid": "4622416642169452483", "send_time": 1_795_334_400, "origin": 4, "msgtype": "event"}
    return {**head, "event": {**entered, **(event or {})}, **fields}


def page(*messages: dict[str, Any]) -> bytes:
    return orjson.dumps({"errcode": 0, "errmsg": "ok", "next_cursor": "4gw7", "has_more": 1, "msg_list": messages})


def converted(**fields: Any) -> dict[str, Any] | None:
    (read,) = read_page(page(message(**fields)))
    event = to_conversion(read, CORP_ID)
    if event:
        check_conversion(event, currency="CNY")
    return event


def test_who_came_in_by_a_click_of_ours_has_seen_a_page_of_it() -> None:
    event = converted()
    assert event is not None
    assert event.pop("event_id").startswith("wecom:page_view:")
    assert event == {
        "type": "page_view",
        "occurred_at": 1_795_334_400_000,
        "customer_id": CUSTOMER,
        "token": CLICK,
        "properties": {"page": "wecom_kf", "open_kfid": "wkAJ2GCAAASSm4_FhToWMFea0xAFfd3Q", "scene": "123"},
    }


@pytest.mark.parametrize(("param", "state"), [("abc", "abc"), ("a=1&b=2", "a=1&b=2"), ("", None)])
def test_another_scene_param_is_kept_beside_it(param: str, state: str | None) -> None:
    event = converted(event={"scene_param": param})
    assert event is not None
    assert "token" not in event
    assert event["properties"].get("state") == state


@pytest.mark.parametrize(
    "fields",
    [
        {"msgtype": "text", "text": {"content": "你好 13800138000"}, "origin": 3},
        {"event": {"event_type": "msg_send_fail", "fail_type": 4}},
        {"event": {"event_type": "session_status_change", "change_type": 1}},
        {"event": {"event_type": "servicer_status_change", "status": 1}},
    ],
)
def test_all_else_is_passed_over(fields: dict[str, Any]) -> None:
    assert converted(**fields) is None


def test_a_message_that_is_pulled_again_is_the_same_event() -> None:
    first, again, other = converted(), converted(send_time=1_795_334_401), converted(msgid="2")
    assert first
    assert again
    assert other
    assert first["event_id"] == again["event_id"] != other["event_id"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 5000, "not JSON"),
        (b"[]", "msg_list"),
        (b"null", "msg_list"),
        (b"{}", "msg_list"),
        (b'{"errcode":40001,"errmsg":"invalid credential"}', "msg_list"),
        (b'{"msg_list":{}}', "msg_list"),
        (b'{"msg_list":[1]}', "msg_list[0]"),
        (b'{"msg_list":[{"msgid":"1","msgtype":"event"}]}', "msg_list[0]"),
        (page(message(send_time="1795334400")), "msg_list[0].send_time"),
        (page(message(event={"scene_param": 1})), "msg_list[0].event.scene_param"),
        (page(*[message()] * (MAX_PAGE + 1)), "msg_list"),
    ],
)
def test_what_is_no_answer_of_sync_msg_is_named(body: bytes, names: str) -> None:
    with pytest.raises(InputError) as error:
        read_page(body)
    assert names in str(error.value)
