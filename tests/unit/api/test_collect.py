"""POST /v1/collect: a valid click token opens it, for little, and from anywhere."""

import httpx
import orjson
import pytest

from schemas.token import Signer
from tests.support.api import NOW, Api

KEY = b"\xab" * 32
TOKEN = Signer(1, KEY, 3).sign(77, NOW - 60_000, 5)
FORGED = Signer(1, b"x" * 32, 3).sign(77, NOW - 60_000, 5)
UNKNOWN = Signer(2, KEY, 3).sign(77, NOW - 60_000, 5)


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def client(api: Api) -> httpx.AsyncClient:
    return api.client({"Content-Type": "text/plain;charset=UTF-8", "Origin": "https://shop.example"})


def said(type_: str = "page_view", id_: str = "a1", token: str = TOKEN, **more: object) -> bytes:
    return orjson.dumps({"type": type_, "token": token, "event_id": id_, **more})


async def test_what_a_page_tells_becomes_an_event_of_that_click(api: Api, client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/collect", content=said(properties={"dwell_ms": 5200}, occurred_at=NOW - 5_000))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert api.kept.records == [
        (
            TOKEN.encode(),
            {
                "v": 1,
                "event_id": f"page_view:{TOKEN}:a1",
                "type": "page_view",
                "occurred_at": NOW - 5_000,
                "token": TOKEN,
                "properties": {"dwell_ms": 5200},
            },
        )
    ]


async def test_each_event_counts_once_alone_or_with_others(api: Api, client: httpx.AsyncClient) -> None:
    both = b"[" + said("lead") + b"," + said("shared") + b"]"
    for body in (said("shared"), both, both):
        assert (await client.post("/v1/collect", content=body)).status_code == 204
    assert [value["type"] for _, value in api.kept.records] == ["shared", "lead"]


@pytest.mark.parametrize(
    ("said_ms", "kept_ms"),
    [(NOW - 1, NOW - 1), (NOW + 1, NOW), (0, NOW - 60_000), (-(2**60), NOW - 60_000), (2**60, NOW)],
)
async def test_it_happened_between_the_click_and_now_whatever_the_visitors_clock_says(
    api: Api, client: httpx.AsyncClient, said_ms: int, kept_ms: int
) -> None:
    await client.post("/v1/collect", content=said(occurred_at=said_ms))
    assert api.kept.records[0][1]["occurred_at"] == kept_ms


async def test_a_lead_keeps_no_phone_number(api: Api, client: httpx.AsyncClient) -> None:
    await client.post("/v1/collect", content=said("lead", properties={"phone": "+86 138-0013-8000"}))
    assert list(api.kept.records[0][1]["properties"]) == ["phone_hash"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"", 400, ""),
        (b"{", 400, ""),
        (b"\xff", 400, ""),
        (b"[" * 4_000, 422, "[0]"),
        (b"[]", 422, ""),
        (b"[" + b",".join([said()] * 21) + b"]", 422, ""),
        (b"[" + said() + b"," + said(token=FORGED) + b"]", 422, "token"),
        (b"{}", 422, ""),
        (b" " * 16_385, 413, ""),
        (said(token=FORGED), 422, "token"),
        (said(token=UNKNOWN), 422, "token"),
        (said(token=TOKEN[:-1]), 422, "token"),
        (said(token=TOKEN.swapcase()), 422, "token"),
        (said(token=""), 422, "token"),
        (said("order_paid"), 422, "type"),
        (said("friend_added"), 422, "type"),
        (said(id_=""), 422, "event_id"),
        (said(id_="a\n"), 422, "event_id"),
        (said(id_="a" * 41), 422, "event_id"),
        (said(properties={"a": {}}), 422, "properties[...]"),
        (said(properties={str(number): 1 for number in range(33)}), 422, "properties"),
        (said(properties={"dwell_ms": -1}), 422, "properties.dwell_ms"),
    ],
)
async def test_all_else_is_refused(api: Api, client: httpx.AsyncClient, body: bytes, status: int, field: str) -> None:
    answer = await client.post("/v1/collect", content=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert answer.headers["access-control-allow-origin"] == "*"
    assert api.kept.records == []


async def test_a_browser_may_ask_first(client: httpx.AsyncClient) -> None:
    answer = await client.options("/v1/collect", headers={"Access-Control-Request-Method": "POST"})
    assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (204, "POST")
    assert "access-control-allow-origin" not in (await client.get("/healthz")).headers


async def test_other_types_of_bodies_are_refused(client: httpx.AsyncClient) -> None:
    for media_type in ("application/x-www-form-urlencoded", "multipart/form-data", ""):
        answer = await client.post("/v1/collect", content=said(), headers={"Content-Type": media_type})
        assert answer.status_code == 415


async def test_a_network_that_sends_too_much_waits_and_others_do_not() -> None:
    api = Api(environ={"GUIDESTREAM_API_COLLECT_PER_MINUTE": "30", "GUIDESTREAM_API_TRUSTED_PROXIES": "1"})
    async with api.client({"Content-Type": "text/plain"}) as client:

        async def status(address: str) -> int:
            headers = {"X-Forwarded-For": f"6.6.6.6, {address}"}
            return (await client.post("/v1/collect", content=b"", headers=headers)).status_code

        assert [await status(f"203.0.113.{number}") for number in range(11)] == [400] * 10 + [429]
        assert await status("198.51.100.1") == 400


async def test_all_together_have_a_limit_as_well() -> None:
    api = Api(environ={"GUIDESTREAM_API_COLLECT_PER_SECOND": "5", "GUIDESTREAM_API_TRUSTED_PROXIES": "1"})
    async with api.client({"Content-Type": "text/plain"}) as client:
        statuses = [
            (await client.post("/v1/collect", content=b"", headers={"X-Forwarded-For": f"10.{n}.0.1"})).status_code
            for n in range(6)
        ]
    assert statuses == [400] * 5 + [429]


async def test_one_click_does_not_fill_the_books(api: Api, client: httpx.AsyncClient) -> None:
    statuses = [(await client.post("/v1/collect", content=said(id_=str(n)))).status_code for n in range(40)]
    assert statuses == [204] * 30 + [429] * 10
    assert len(api.kept.records) == 30
