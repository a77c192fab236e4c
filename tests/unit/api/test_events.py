"""POST /v1/events: three shapes, an outcome each, limits, and the keys that open it."""

import asyncio
import gzip
import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import httpx
import orjson
import pytest

from schemas.registry import Removed
from stream.api import events as events_module
from stream.registry.api_keys import key_text
from stream.registry.snapshot import Builder
from tests.support.api import SECRET, Api, api_key
from tests.support.api_events import order

JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
TEXT = {"Content-Type": "text/plain"}
LIMITS = {
    "GUIDESTREAM_API_MAX_BODY_BYTES": "20000",
    "GUIDESTREAM_API_MAX_UNPACKED_BYTES": "40000",
    "GUIDESTREAM_API_MAX_EVENTS": "50",
    "GUIDESTREAM_API_EVENTS_PER_SECOND": "60",
}


@pytest.fixture
def api() -> Api:
    return Api(environ=LIMITS)


@pytest.fixture
def client(api: Api) -> httpx.AsyncClient:
    return api.client()


async def send(client: httpx.AsyncClient, body: bytes, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/v1/events", content=body, headers=JSON | named)


def ids(api: Api) -> list[str]:
    return [value["event_id"] for _, value in api.kept.records]


async def test_one_event_an_array_and_lines_each_get_their_outcomes_in_order(
    api: Api, client: httpx.AsyncClient
) -> None:
    one = await send(client, orjson.dumps(order(1)))
    assert (one.status_code, one.headers["content-type"]) == (202, "application/json")
    assert one.json()["outcomes"] == [{"event_id": "order_paid:1", "status": "accepted"}]

    many = await send(client, b" \n" + orjson.dumps([order(2), order(1), order(3, amount=5), "x"]) + b"\n")
    told = many.json()
    assert (told["accepted"], told["duplicate"], told["rejected"]) == (1, 1, 2)
    assert [outcome["status"] for outcome in told["outcomes"]] == ["accepted", "duplicate", "rejected", "rejected"]
    assert told["outcomes"][2]["problem"] == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "must be a string, is an integer",
        "field": "amount",
        "reason": "wrong_type",
    }

    lines = orjson.dumps(order(4)) + b"\r\n\n  \n{broken\n" + orjson.dumps(order(5))
    told = (await send(client, lines, Content_Type="application/x-ndjson; charset=UTF-8")).json()
    assert [outcome["status"] for outcome in told["outcomes"]] == ["accepted", "rejected", "accepted"]
    assert ids(api) == [f"order_paid:{number}" for number in (1, 2, 4, 5)]


async def test_what_names_a_person_does_not_reach_the_disk(api: Api, client: httpx.AsyncClient) -> None:
    await send(client, orjson.dumps(order(1, properties={"phone": "13800138000", "备注": "电话13800138000"})))
    assert "13800138000" not in str(api.kept.records)
    assert api.kept.records[0][1]["properties"]["phone_hash"].startswith("k1:")
    told = (await send(client, orjson.dumps(order(2, customer_id="13800138000")))).json()
    assert told["outcomes"][0]["problem"]["field"] == "customer_id"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 400),
        (b"{", {}, 400),
        (b"[1,", {}, 400),
        (b"nonsense", {}, 400),
        (b"\xff\xfe{\x00}\x00", {}, 400),
        (b'{"event_id":"\xff"}', {}, 400),
        (b"[" * 20_000, {}, 400),
        (b"nonsense\nmore", LINES, 400),
        (b"5", {}, 422),
        (b"null", {}, 422),
        (b'"text"', {}, 422),
        (b"[]", {}, 422),
        (b"\n\n", LINES, 422),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Content-Type": ""}, 415),
        (b"{}", {"Content-Type": "application/json; charset=gb18030"}, 415),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (b"{}", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}")[:-4], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}") + b"junk", {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b" " * 40_001), {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(b" " * 20_000) * 3, {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(b"") * 101, {"Content-Encoding": "gzip"}, 413),
        (b" " * 20_001, {}, 413),
        (orjson.dumps([1] * 51), {}, 413),
        (b"," * 4_000 + b"]", {}, 400),
        (b"[" + b"," * 4_000 + b"]", {}, 413),
        (b"1\n" * 51, LINES, 413),
    ],
)
async def test_a_body_that_cannot_be_taken_is_one_problem_and_nothing_is_kept(
    api: Api, client: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await client.post("/v1/events", content=body, headers=JSON | headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]
    assert api.kept.records == []


async def test_a_body_that_comes_in_pieces_without_a_length_has_the_same_limit(client: httpx.AsyncClient) -> None:
    async def pieces() -> Any:
        for _ in range(21):
            yield b" " * 1_000

    assert (await client.post("/v1/events", content=pieces(), headers=JSON)).status_code == 413


async def test_gzip_is_unpacked_all_members_of_it(api: Api, client: httpx.AsyncClient) -> None:
    packed = b"".join(gzip.compress(orjson.dumps(order(number)) + b"\n") for number in range(3))
    answer = await client.post("/v1/events", content=packed, headers=LINES | {"Content-Encoding": "gzip"})
    assert answer.json()["accepted"] == 3
    assert len(api.kept.records) == 3


async def test_a_full_disk_is_said_so_and_the_same_request_goes_through_later(
    api: Api, client: httpx.AsyncClient
) -> None:
    api.kept.room = 2
    body = orjson.dumps([order(number) for number in range(4)])
    answer = await send(client, body)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["retry-after"]) >= 1
    api.kept.room = 100
    told = (await send(client, body)).json()
    assert (told["accepted"], told["duplicate"]) == (2, 2)
    assert ids(api) == [f"order_paid:{number}" for number in range(4)]


async def test_a_key_that_sends_too_much_waits_and_others_do_not(api: Api, client: httpx.AsyncClient) -> None:
    api.shown.snapshot = Builder(api.shown.snapshot).add(api_key("other")).build(1)
    body = orjson.dumps([order(number) for number in range(50)])
    assert (await send(client, body)).status_code == 202
    answer = await send(client, body)
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    other = api.client({"Authorization": f"Bearer {key_text('other', SECRET)}"})
    assert (await send(other, body)).json()["duplicate"] == 50


async def test_many_large_bodies_at_once_do_not_take_all_memory() -> None:
    api = Api(
        environ={
            "GUIDESTREAM_API_HELD_BYTES": "1048576",
            "GUIDESTREAM_API_MAX_BODY_BYTES": "900000",
            "GUIDESTREAM_API_MAX_UNPACKED_BYTES": "100000",
        }
    )
    blocked = asyncio.Event()
    begun = asyncio.Event()

    async def slow() -> Any:
        yield b" " * 800_000
        begun.set()
        await blocked.wait()
        yield orjson.dumps(order(1))

    async with api.client() as client:
        first = asyncio.create_task(client.post("/v1/events", content=slow(), headers=JSON))
        await begun.wait()
        second = await send(client, b" " * 400_000 + orjson.dumps(order(2)))
        assert (second.status_code, second.headers["retry-after"]) == (503, "1")
        assert (await send(client, orjson.dumps(order(3)))).status_code == 202
        blocked.set()
        assert (await first).status_code == 202
        assert (await send(client, b" " * 400_000 + orjson.dumps(order(2)))).status_code == 202


async def test_bodies_of_strangers_do_not_shut_out_who_has_a_key() -> None:
    api = Api(environ=LIMITS | {"GUIDESTREAM_API_HELD_BYTES": "1048576", "GUIDESTREAM_WEBHOOKS_MAX_BYTES": "2048"})
    blocked = asyncio.Event()
    begun = [asyncio.Event() for _ in range(17)]

    async def slow(number: int) -> Any:
        yield b" " * 15_000
        begun[number].set()
        await blocked.wait()

    async with api.client(TEXT) as stranger, api.client() as client:
        requests = [asyncio.create_task(stranger.post("/v1/collect", content=slow(number))) for number in range(17)]
        await asyncio.gather(*(event.wait() for event in begun))
        turned_away = await stranger.post("/v1/collect", content=b" " * 15_000)
        assert (turned_away.status_code, turned_away.headers["retry-after"]) == (503, "1")
        assert (await send(client, b" " * 15_000 + orjson.dumps(order(1)))).status_code == 202
        blocked.set()
        assert {answer.status_code for answer in await asyncio.gather(*requests)} == {400}
        assert (await stranger.post("/v1/collect", content=b" " * 15_000)).status_code == 400


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    api = Api(environ={"GUIDESTREAM_API_BODY_MS": "100"})

    async def never() -> Any:
        yield b"["
        await asyncio.sleep(60)

    answer = await api.client().post("/v1/events", content=never(), headers=JSON)
    assert answer.status_code == 408


async def test_a_large_request_lets_others_through() -> None:
    api = Api()
    slices = []

    class Slow:
        def take_json(self, event: bytes) -> Any:
            time.sleep(0.0001)
            return api.intake.take_json(event)

    turns = events_module.Turns(Slow())  # type: ignore[arg-type]

    async def watch() -> None:
        while True:
            slices.append(len(api.kept.records))
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    taken = await asyncio.gather(
        *(turns.take([orjson.dumps(order(part * 1000 + number)) for number in range(640)]) for part in range(3))
    )
    watching.cancel()
    assert all(outcome.status == "accepted" for outcomes in taken for outcome in outcomes)
    steps = [later - earlier for earlier, later in pairwise(slices)]
    assert max(steps) <= 25, "between two looks at other requests lie two milliseconds of one request"


# -- keys --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Basic {key_text('all', SECRET)}",
        f"Bearer {key_text('nobody', SECRET)}",
        f"Bearer {key_text('all', 'x' * 43)}",
        f"Bearer {key_text('off', SECRET)}",
        f"Bearer gs_all_{SECRET}x",
        f"Bearer gs__{SECRET}",
        "Bearer gs_all_" + "s" * 5_000,
        "Bearer \xe9\xff",
    ],
)
async def test_without_a_key_in_force_there_is_nothing_not_even_a_reason(api: Api, authorization: str | None) -> None:
    api.shown.snapshot = Builder(api.shown.snapshot).add(replace(api_key("off"), disabled=True)).build(1)
    headers = [] if authorization is None else [(b"Authorization", authorization.encode("latin-1"))]
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(api.app, raise_app_exceptions=False), base_url="http://api", headers=headers
    ) as client:
        answers = [await client.get("/v1/guides"), await send(client, orjson.dumps(order(1)))]
    for answer in answers:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert len({answer.text for answer in answers}) == 1
    assert api.kept.records == []


async def test_a_key_opens_what_its_scopes_say(api: Api) -> None:
    reads, writes = api_key("reads", ["registry:read"]), api_key("writes", ["events:write"])
    api.shown.snapshot = Builder(api.shown.snapshot).add(reads, writes).build(1)
    async with api.client({"Authorization": f"Bearer {key_text('reads', SECRET)}"}) as client:
        assert (await client.get("/v1/links")).status_code == 200
        assert (await send(client, orjson.dumps(order(1)))).status_code == 403
    async with api.client({"Authorization": f"bearer {key_text('writes', SECRET)}"}) as client:
        assert (await client.get("/v1/links")).status_code == 403
        assert (await send(client, orjson.dumps(order(1)))).status_code == 202


async def test_a_deleted_key_opens_nothing_from_the_next_snapshot_on(api: Api, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/guides")).status_code == 200
    api.shown.snapshot = Builder(api.shown.snapshot).add(Removed("key", "all")).build(1)
    assert (await client.get("/v1/guides")).status_code == 401
