"""Signed webhooks: documented messages of two shops, and everything that is not one."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest

from stream.api.signatures import sign
from stream.base.errors import SettingsError
from stream.base.settings import load
from tests.support import webhooks as make
from tests.support.api import NOW, Api
from tests.support.webhooks import send


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(environ=environ(make.example(tmp_path / "webhooks.toml")))


def environ(path: Path, **more: str) -> dict[str, str]:
    return {"GUIDESTREAM_WEBHOOKS_CONFIG_FILE": str(path), **more}


def kept(api: Api) -> list[dict[str, Any]]:
    return [{name: value for name, value in event.items() if name != "v"} for _, event in api.kept.records]


def statuses(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 202, answer.text
    return [outcome["status"] for outcome in answer.json()["outcomes"]]


async def test_a_paid_order_of_youzan_is_an_order(api: Api) -> None:
    assert statuses(await send(api, "youzan", make.youzan_order())) == ["accepted"]
    (event,) = kept(api)
    phone = event.pop("properties")
    assert list(phone) == ["phone_hash"], "what names a person is a hash before it is kept"
    assert event == {
        "event_id": "order_paid:E20211123144258072900153",
        "type": "order_paid",
        "occurred_at": 1637649787000,  # 14:43:07 in Shanghai
        "order_id": "E20211123144258072900153",
        "customer_id": "oDpvq0N1rr0NjE9FmeFXFDWEH9zs",
        "amount": "168",
        "currency": "CNY",
    }
    assert b"13700000000" not in orjson.dumps(api.kept.records[0][1])


@pytest.mark.parametrize(
    ("type_", "encoded"),
    [
        ("trade_refund_RefundSuccess", True),
        ("trade_refund_RefundSellerAgree", True),
        ("youzan_trade_RefundSuccess", False),
    ],
)
async def test_a_refund_of_youzan_names_its_order(api: Api, type_: str, encoded: bool) -> None:  # noqa: FBT001
    refund = make.youzan_refund(type_=type_, encoded=encoded)
    assert statuses(await send(api, "youzan", refund)) == ["accepted"]
    assert kept(api) == [
        {
            "event_id": "order_refunded:E20211123144258072900153:202111251000000000420",
            "type": "order_refunded",
            "occurred_at": 1637805600000,
            "order_id": "E20211123144258072900153",
            "amount": "58.5",
            "currency": "CNY",
            "properties": {"refund_id": "202111251000000000420"},
        }
    ]


async def test_two_messages_about_one_refund_count_once(api: Api) -> None:
    await send(api, "youzan", make.youzan_refund(), id_="a")
    again = make.youzan_refund(type_="youzan_trade_RefundSuccess", encoded=False)
    assert statuses(await send(api, "youzan", again, id_="b")) == ["duplicate"]
    assert len(api.kept.records) == 1


async def test_a_paid_order_of_shopify_is_an_order_with_its_click(api: Api) -> None:
    assert statuses(await send(api, "shopify", make.shopify_order())) == ["accepted"]
    assert kept(api) == [
        {
            "event_id": "order_paid:820982911946154508",
            "type": "order_paid",
            "occurred_at": 1640995200000,
            "order_id": "820982911946154508",
            "customer_id": "115310627314723954",
            "token": "T" * 30,
            "amount": "403",
            "currency": "CNY",
        }
    ]


async def test_a_refund_of_shopify_is_the_sum_of_what_went_back(api: Api) -> None:
    assert statuses(await send(api, "shopify", make.shopify_refund())) == ["accepted"]
    (event,) = kept(api)
    assert (event["type"], event["order_id"], event["amount"]) == ("order_refunded", "820982911946154508", "199")
    assert event["event_id"] == "order_refunded:820982911946154508:890088186047892319"


async def test_a_currency_that_is_not_the_brands_is_refused_and_answered(api: Api) -> None:
    answer = await send(api, "shopify", make.shopify_order() | {"currency": "USD"})
    assert statuses(answer) == ["rejected"]
    problem = answer.json()["outcomes"][0]["problem"]
    assert (problem["field"], problem["reason"], problem["status"]) == ("currency", "out_of_range", 422)
    assert api.kept.records == []


@pytest.mark.parametrize(
    "payload",
    [
        {"type": "trade_TradeClose", "msg": quote('{"tid":"E1"}')},
        make.youzan_order() | {"test": True},
        {},
        [],
        [1, 2],
        "text",
        7,
        None,
    ],
)
async def test_what_no_rule_is_about_is_passed_over(api: Api, payload: Any) -> None:
    assert statuses(await send(api, "youzan", payload)) == ["skipped"]
    assert api.kept.records == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"total_price": "12,50"}, "amount"),
        ({"total_price": -5}, "amount"),
        ({"total_price": 1e300}, "amount"),
        ({"total_price": {"amount": "5"}}, "amount"),
        ({"total_price": None}, "amount"),
        ({"total_price": "9" * 200_000}, "amount"),
        ({"id": None}, "event_id"),
        ({"id": 1.5}, "order_id"),
        ({"id": 10**19 * 5}, "order_id"),
        ({"id": "x" * 65}, "order_id"),
        ({"id": ["x"]}, "order_id"),
        ({"processed_at": "yesterday"}, "occurred_at"),
        ({"processed_at": "2019-01-01T00:00:00Z"}, "occurred_at"),
        ({"processed_at": "2999-01-01T00:00:00Z"}, "occurred_at"),
        ({"processed_at": [1]}, "occurred_at"),
        ({"customer": {"id": "13800138000"}}, "customer_id"),
        ({"note_attributes": [{"name": "ct", "value": "T" * 31}]}, "token"),
        ({"note_attributes": [{"name": "ct", "value": {}}]}, "token"),
    ],
)
async def test_an_order_with_a_wrong_field_is_refused_by_its_name(api: Api, change: dict[str, Any], field: str) -> None:
    body = orjson.dumps(make.shopify_order() | change) if change.get("id") != 10**19 * 5 else b""
    if not body:
        body = orjson.dumps(make.shopify_order() | {"id": 1}).replace(b'"id":1,', b'"id":50000000000000000000,', 1)
    answer = await send(api, "shopify", body)
    assert statuses(answer) == ["rejected"]
    assert answer.json()["outcomes"][0]["problem"]["field"] == field
    assert api.kept.records == []


@pytest.mark.parametrize(
    "msg",
    ["", "%", "%7B", "%7B%22a%22%3A", "{", "%FF%FE", "%7B%22%FF%22%3A1%7D", "[" * 40 + "]" * 40, 7, None, [], "null"],
)
async def test_a_message_that_cannot_be_unpacked_makes_no_event(api: Api, msg: Any) -> None:
    answer = await send(api, "youzan", make.youzan_order() | {"msg": msg})
    assert set(statuses(answer)) <= {"rejected"}
    assert api.kept.records == []


async def test_the_same_message_again_changes_nothing(api: Api) -> None:
    first = await send(api, "shopify", make.shopify_order())
    again = await send(api, "shopify", make.shopify_order(), ahead_s=60)
    assert (first.json()["replayed"], again.json()) == (False, {"replayed": True, "outcomes": []})
    assert again.status_code == 202
    assert len(api.kept.records) == 1


async def test_another_source_has_ids_of_its_own(api: Api) -> None:
    await send(api, "shopify", make.shopify_order())
    assert statuses(await send(api, "youzan", make.youzan_order())) == ["accepted"]


async def test_a_message_for_which_there_is_no_room_is_taken_when_it_comes_again(api: Api) -> None:
    api.kept.room = 0
    full = await send(api, "shopify", make.shopify_order())
    assert (full.status_code, full.headers["content-type"]) == (503, "application/problem+json")
    api.kept.room = 1
    assert statuses(await send(api, "shopify", make.shopify_order())) == ["accepted"]


async def test_the_secret_that_is_replaced_still_signs(api: Api) -> None:
    answer = await send(api, "shopify", make.shopify_order(), secret=make.OLD_SECRET)
    assert statuses(answer) == ["accepted"]


@pytest.mark.parametrize("how", [{"secret": b"x" * 32}, {"ahead_s": 301}, {"ahead_s": -301}, {"id_": "a.b"}])
async def test_what_is_not_signed_lately_by_a_secret_in_force_is_401(api: Api, how: dict[str, Any]) -> None:
    answer = await send(api, "shopify", make.shopify_order(), **how)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert api.kept.records == []


FORGERIES: list[dict[str, str | None]] = [
    {"webhook-id": None},
    {"webhook-timestamp": None},
    {"webhook-signature": None},
    {"webhook-id": "msg_2"},
    {"webhook-id": ""},
    {"webhook-id": "x" * 300},
    {"webhook-timestamp": str(NOW // 1000 + 1)},
    {"webhook-timestamp": "0"},
    {"webhook-timestamp": "-1"},
    {"webhook-timestamp": "9" * 400},
    {"webhook-timestamp": "nan"},
    {"webhook-signature": "v1,AAAA"},
    {"webhook-signature": "v1," + "A" * 44},
    {"webhook-signature": "x" * 8000},
    {"webhook-signature": "v1a," + "A" * 88},
]


@pytest.mark.parametrize("change", FORGERIES)
async def test_forged_headers_are_401(api: Api, change: dict[str, str | None]) -> None:
    body = orjson.dumps(make.shopify_order())
    sent = {name: value for name, value in (make.headers(api, body) | change).items() if value is not None}
    async with api.client(sent) as client:
        answer = await client.post("/v1/webhooks/shopify", content=body)
    assert answer.status_code == 401
    assert api.kept.records == []


async def test_two_ids_in_one_request_are_401(api: Api) -> None:
    body = orjson.dumps(make.shopify_order())
    sent = [*make.headers(api, body).items(), ("webhook-id", "msg_2")]
    async with api.client() as client:
        answer = await client.post("/v1/webhooks/shopify", content=body, headers=sent)
    assert answer.status_code == 401


async def test_a_signed_body_that_was_cut_is_401(api: Api) -> None:
    body = orjson.dumps(make.shopify_order())
    sent = make.headers(api, body)
    async with api.client(sent) as client:
        found = [await client.post("/v1/webhooks/shopify", content=body[:size]) for size in range(0, len(body), 97)]
    assert {answer.status_code for answer in found} == {401}
    assert api.kept.records == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"nul", b'{"a":1}x', b"[" * 5000, b"[" * 40 + b"]" * 40, b'{"a":' * 33 + b"1" + b"}" * 33],
)
async def test_a_signed_body_that_is_no_json_is_422(api: Api, body: bytes) -> None:
    answer = await send(api, "shopify", body)
    assert (answer.status_code, answer.json()["field"]) == (422, "body")
    assert api.kept.records == []


async def test_a_body_beyond_the_limit_is_413(api: Api) -> None:
    answer = await send(api, "shopify", b" " * (api.settings.webhooks.max_bytes + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize("source", ["unknown", "SHOPIFY", "shopify%00", "x" * 500, "..", "商店", "shopify/x"])
async def test_an_unknown_source_is_404_and_nothing_more(api: Api, source: str) -> None:
    answer = await send(api, quote(source, safe="%/"), make.shopify_order())
    assert answer.status_code == 404
    assert "shopify" not in answer.text.replace("shopify/x", "")


async def test_without_a_file_nobody_may_send() -> None:
    assert (await send(Api(), "shopify", make.shopify_order())).status_code == 404


async def test_other_methods_are_405(api: Api) -> None:
    async with api.client() as client:
        assert (await client.get("/v1/webhooks/shopify")).status_code == 405


async def test_a_message_without_ids_of_its_own_is_known_by_the_webhooks(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        f'[forms]\nsecrets = ["{make.written(make.SECRET)}"]\n[[forms.events]]\ntype = "lead"\n'
        'event_id = "lead:{webhook.id}"\noccurred_at = { from = "at", format = "epoch_s" }\ncustomer_id = "user"\n'
    )
    api = Api(environ=environ(path))
    answer = await send(api, "forms", {"at": 1637649787, "user": "u1"}, id_="msg_42")
    assert statuses(answer) == ["accepted"]
    assert kept(api)[0]["event_id"] == "lead:msg_42"


def test_everything_wrong_with_the_file_is_named_at_once_and_no_secret_shown(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(
        '[a]\nsecrets = ["whsec_c2VjcmV0", "nonsense-secret", "x"]\n[[a.events]]\ntype = "sold"\n'
        '[b]\nsecrets = "whsec_"\ncolour = 1\n[[b.events]]\n'
        'type = "lead"\nevent_id = "x:{nothing}"\noccurred_at = { from = "at", format = "%H:%M" }\ncolour = "x"\n'
        '["C D"]\n'
    )
    with pytest.raises(SettingsError) as caught:
        Api(environ=environ(path))
    said = str(caught.value)
    for part in (
        "GUIDESTREAM_WEBHOOKS_CONFIG_FILE",
        "a.secrets: ",
        "a.events[1].type: 'sold'",
        "a.events[1].occurred_at: must be there",
        "a.events[1].event_id: must be there",
        "b.secrets: ",
        "b.colour: ",
        "b.events[1].event_id: there is no {nothing}",
        "b.events[1].occurred_at.format: the pattern '%H:%M' has no year",
        "b.events[1].colour: ",
        "C D: ",
    ):
        assert part in said, part
    assert "c2VjcmV0" not in said
    assert "nonsense" not in said


@pytest.mark.parametrize("content", [b"[a", b"\xff\xfe[a]", b"[a]\nb = 1\nb = 2\n"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"no TOML|not UTF-8"):
        Api(environ=environ(path))


def test_a_file_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="GUIDESTREAM_WEBHOOKS_CONFIG_FILE"):
        load(environ(tmp_path / "nowhere.toml"))


def test_the_example_must_be_filled_in() -> None:
    with pytest.raises(SettingsError, match=r"youzan.secrets\[1\]: .*not base64"):
        Api(environ=environ(make.EXAMPLE))


def test_signing_is_what_a_sender_would_do() -> None:
    assert sign(make.SECRET, "a", 1, b"{}").startswith("v1,")
