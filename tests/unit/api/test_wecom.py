"""`/callbacks/wecom/{corp}`: what is believed is on disk once; WeCom is asked to come again only where that helps."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from prometheus_client import REGISTRY

from schemas.registry import Guide
from stream.base.errors import SettingsError
from stream.registry.snapshot import Builder, Snapshot
from tests.support import wecom
from tests.support.api import AUTHORIZATION, NOW, Api
from tests.support.api_events import order
from tests.support.wecom import CLICK, CORP_ID, Call

AT_S = NOW // 1000
URL = "/callbacks/wecom/brand"
STAFF = Builder().add(Guide("g1", "王芳", "s1", wecom_userid="ZhangSan")).build(1)


def new_api(folder: Path, snapshot: Snapshot = STAFF) -> Api:
    return Api(snapshot, {"GUIDESTREAM_WECOM_CONFIG_FILE": str(wecom.config_file(folder))})


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return new_api(tmp_path)


def added(number: int = 0, at_s: int = AT_S, nonce: str = wecom.NONCE, **fields: Any) -> Call:
    customer = f"wm{number:030}"
    fields = {"UserID": "zhangsan", "ExternalUserID": customer, "State": CLICK, **fields}
    message = wecom.event("change_external_contact", "add_external_contact", at_s=at_s, **fields)
    return wecom.call(message, at_s, nonce)


async def post(api: Api, call: Call) -> httpx.Response:
    async with api.client({}) as client:
        return await client.post(URL, params=call.params, content=call.body)


class Counted:
    """How much each series of this callback has risen since."""

    def __init__(self) -> None:
        self._before = dict(self._all())

    def rises(self) -> dict[tuple[str, ...], float]:
        risen = {key: value - self._before.get(key, 0) for key, value in self._all()}
        return {key: value for key, value in risen.items() if value}

    @staticmethod
    def _all() -> Iterator[tuple[tuple[str, ...], float]]:
        for metric in REGISTRY.collect():
            if metric.name.startswith("guidestream_wecom"):
                for sample in metric.samples:
                    if sample.name.endswith("_total") and sample.labels["corp"] == "brand":
                        labels = [value for name, value in sample.labels.items() if name != "corp"]
                        yield (metric.name.removeprefix("guidestream_wecom_"), *labels), sample.value


async def test_the_check_of_the_url_is_answered_with_the_opened_text_alone(api: Api) -> None:
    encrypt = wecom.sealed(b"1616140317555161061")
    async with api.client({}) as client:
        answer = await client.get(URL, params={**wecom.query(encrypt, AT_S), "echostr": encrypt})
    assert (answer.status_code, answer.content) == (200, b"1616140317555161061")
    assert answer.headers["content-type"].startswith("text/plain")


async def test_what_is_told_is_kept_and_counted(api: Api) -> None:
    counted = Counted()
    answer = await post(api, added(State=CLICK))
    assert (answer.status_code, answer.text) == (200, "success")
    ((key, event),) = api.kept.records
    assert key == b"wm" + b"0" * 30
    assert event["type"] == "friend_added"
    assert event["guide_id"] == "g1", "a userid is found whatever its case"
    assert event["token"] == CLICK
    assert counted.rises() == {
        ("callbacks", "taken"): 1,
        ("messages", "add_external_contact"): 1,
        ("states", "token"): 1,
    }


async def test_a_request_that_comes_again_is_answered_and_not_taken_again(api: Api) -> None:
    counted = Counted()
    for _ in range(3):
        assert (await post(api, added())).text == "success"
    assert len(api.kept.records) == 1
    assert counted.rises()["callbacks", "replayed"] == 2


async def test_a_message_that_comes_again_newly_signed_is_not_taken_again_either(api: Api) -> None:
    message = wecom.event(
        "change_external_contact", "del_follow_user", at_s=AT_S, UserID="zhangsan", ExternalUserID="wm1234567890"
    )
    for number in range(3):
        assert (await post(api, wecom.call(message, AT_S + number, f"nonce{number}"))).text == "success"
    assert [event["type"] for _, event in api.kept.records] == ["friend_deleted"]


async def test_time_and_nonce_that_change_places_under_one_signature_count_no_event_again(api: Api) -> None:
    later = AT_S + 10_000  # WeCom joins the sorted parts without anything between them
    call = added(nonce=str(later))
    assert (await post(api, call)).text == "success"
    api.now_ms = later * 1000
    swapped = {**call.params, "timestamp": call.params["nonce"], "nonce": call.params["timestamp"]}
    assert (await post(api, Call(swapped, call.body))).text == "success"
    assert len(api.kept.records) == 1


async def test_two_customers_of_one_second_are_two(api: Api) -> None:
    for number in range(2):
        assert (await post(api, added(number))).status_code == 200
    assert len({event["customer_id"] for _, event in api.kept.records}) == 2


async def test_a_full_disk_asks_wecom_to_come_again_and_then_takes_it(api: Api) -> None:
    api.kept.room = 0
    assert (await post(api, added())).status_code == 503
    api.kept.room = 1
    assert (await post(api, added())).text == "success"
    assert len(api.kept.records) == 1


async def test_a_group_that_did_not_fit_as_a_whole_is_whole_when_it_comes_again(api: Api) -> None:
    members = tuple(f"wm{number:030}" for number in range(10))
    message = wecom.event(
        "change_external_chat", "update", at_s=AT_S, ChatId="wr1", UpdateDetail="add_member", MemChangeList=members
    )
    api.kept.room = 4
    assert (await post(api, wecom.call(message, AT_S))).status_code == 503
    api.kept.room = 100
    assert (await post(api, wecom.call(message, AT_S))).text == "success"
    assert [event["customer_id"] for _, event in api.kept.records] == list(members)


async def test_a_full_group_is_taken_in_one_request(api: Api) -> None:
    members = tuple(f"wm{number:030}" for number in range(500))
    message = wecom.event(
        "change_external_chat", "update", at_s=AT_S, ChatId="wr1", UpdateDetail="add_member", MemChangeList=members
    )
    assert (await post(api, wecom.call(message, AT_S))).text == "success"
    assert len(api.kept.records) == 500


async def test_nothing_is_taken_before_the_guides_are_known(api: Api) -> None:
    api.shown.ready = False
    assert (await post(api, added())).status_code == 503
    api.shown.ready = True
    assert (await post(api, added())).text == "success"


async def test_an_event_of_an_unknown_guide_is_kept_under_the_userid_and_counted(api: Api) -> None:
    counted = Counted()
    assert (await post(api, added(UserID="nobody"))).text == "success"
    assert api.kept.records[0][1]["guide_id"] == "wecom:nobody"
    assert counted.rises()[("unknown_guides",)] == 1


@pytest.mark.parametrize(
    ("message", "rises"),
    [
        (
            wecom.event("customer_acquisition", "link_unavailable", at_s=AT_S, LinkId="caw1"),
            {("callbacks", "passed_over"): 1, ("messages", "acquisition_link_unavailable"): 1},
        ),
        (
            wecom.event("something_new", "of_next_year", at_s=AT_S),
            {("callbacks", "passed_over"): 1, ("messages", "other"): 1},
        ),
        (
            wecom.event("change_external_contact", "add_external_contact", at_s=AT_S, UserID="zhangsan"),
            {("callbacks", "unusable"): 1, ("messages", "add_external_contact"): 1},
        ),
        (
            wecom.event("change_external_contact", "del_follow_user", at_s=AT_S, UserID="a", ExternalUserID="x" * 65),
            {("callbacks", "unusable"): 1, ("messages", "del_follow_user"): 1, ("unknown_guides",): 1},
        ),
        (
            wecom.event("change_external_contact", "del_follow_user", at_s=1, UserID="zhangsan", ExternalUserID="wm1"),
            {("callbacks", "unusable"): 1, ("messages", "del_follow_user"): 1},
        ),
    ],
)
async def test_what_cannot_be_used_is_answered_with_success_and_counted(
    api: Api, message: bytes, rises: dict[tuple[str, ...], float]
) -> None:
    counted = Counted()
    assert (await post(api, wecom.call(message, AT_S))).text == "success"
    assert api.kept.records == []
    assert counted.rises() == rises


async def test_an_overheard_message_is_not_read_out_by_the_check_of_the_url(api: Api) -> None:
    counted = Counted()
    encrypt = wecom.sealed(wecom.event("change_external_contact", "add_external_contact", at_s=AT_S, UserID="secret"))
    async with api.client({}) as client:
        answer = await client.get(URL, params={**wecom.query(encrypt, AT_S), "echostr": encrypt})
    assert answer.status_code == 403
    assert "secret" not in answer.text
    assert counted.rises() == {("refused", "message"): 1}


@pytest.mark.parametrize("ahead_s", [-300, -299, 0, 299, 300])
async def test_five_minutes_to_either_side_are_fresh(api: Api, ahead_s: int) -> None:
    assert (await post(api, added(at_s=AT_S + ahead_s))).status_code == 200


async def test_each_url_opens_only_what_is_for_it(tmp_path: Path) -> None:
    suite = '\n[suite]\ncorp_id = "ww1"\nreceiver = "ww4asffe99e54c0f4c"\ntoken = "T"\nencoding_aes_key = "{}"\n'
    text = wecom.CONFIG + suite.format(wecom.AES_KEY[::-1])
    api = Api(STAFF, {"GUIDESTREAM_WECOM_CONFIG_FILE": str(wecom.config_file(tmp_path, text))})
    call = added()
    async with api.client({}) as client:
        assert (await client.post("/callbacks/wecom/suite", params=call.params, content=call.body)).status_code == 403
        assert (await client.post("/callbacks/wecom/brand", params=call.params, content=call.body)).status_code == 200


def test_a_wrong_file_is_told_at_start(tmp_path: Path) -> None:
    path = wecom.config_file(tmp_path, "[brand]")
    with pytest.raises(SettingsError, match="corp_id"):
        Api(STAFF, {"GUIDESTREAM_WECOM_CONFIG_FILE": str(path)})


async def test_no_secret_is_in_any_answer(api: Api) -> None:
    async with api.client({}) as client:
        answers = [
            await client.get(URL),
            await client.get(URL, params={**wecom.query("x", AT_S), "echostr": "x"}),
            await client.post(URL, params=added().params, content=b"<xml/>"),
            await client.get("/openapi.json"),
        ]
    for answer in answers:
        assert wecom.TOKEN not in answer.text
        assert wecom.AES_KEY not in answer.text
        assert CORP_ID not in answer.text


def kf_page(**event: Any) -> dict[str, Any]:
    entered = {"event_type": "enter_session", "external_userid": "wm1234567890", "scene_param": CLICK, **event}
    return {"msg_list": [{"msgid": "1", "send_time": AT_S, "msgtype": "event", "event": entered}]}


async def test_a_pulled_page_of_customer_service_is_taken_with_a_key(api: Api) -> None:
    async with api.client(AUTHORIZATION) as client:
        answers = [await client.post("/v1/wecom/brand/kf", json=kf_page()) for _ in range(2)]
        wrong = await client.post("/v1/wecom/brand/kf", json=kf_page(external_userid="x" * 65))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.json()["outcomes"][0]["status"] for answer in answers] == ["accepted", "duplicate"]
    assert wrong.json()["outcomes"][0]["problem"]["field"] == "customer_id"
    assert [event["token"] for _, event in api.kept.records] == [CLICK]


async def test_a_page_without_a_key_or_for_nobody_or_that_is_none_is_refused(api: Api) -> None:
    async with api.client({}) as client:
        assert (await client.post("/v1/wecom/brand/kf", json=kf_page())).status_code == 401
    async with api.client(AUTHORIZATION) as client:
        assert (await client.post("/v1/wecom/nobody/kf", json=kf_page())).status_code == 404
        assert (await client.post("/v1/wecom/brand/kf", content=b"<xml/>")).status_code == 422
        assert (await client.post("/v1/wecom/brand/kf", json={"errcode": 40001})).status_code == 422
    assert api.kept.records == []


async def test_pages_count_towards_what_a_key_may_hand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.api.events.time", SimpleNamespace(monotonic=lambda: 1.0))  # nothing is refilled
    limits = {"GUIDESTREAM_API_EVENTS_PER_SECOND": "2", "GUIDESTREAM_API_MAX_EVENTS": "2"}
    api = Api(environ={"GUIDESTREAM_WECOM_CONFIG_FILE": str(wecom.config_file(tmp_path)), **limits})
    passed_over = {"msg_list": [{"msgid": "2", "send_time": AT_S, "msgtype": "text"}]}
    async with api.client(AUTHORIZATION) as client:
        events = [await client.post("/v1/events", json=order(number)) for number in range(2)]
        page = await client.post("/v1/wecom/brand/kf", json=kf_page())
        assert [answer.status_code for answer in events] == [202, 202]
        assert (page.status_code, page.headers["retry-after"]) == (429, "1")
        assert (await client.post("/v1/wecom/brand/kf", json=passed_over)).status_code == 202
