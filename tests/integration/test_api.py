"""`guidestream api` as a process: real registry, real Kafka, real sockets, hostile clients, a clean stop."""

import asyncio
import gzip
import random
import signal
import socket
import time
from collections.abc import AsyncIterator
from contextlib import closing

import httpx
import orjson
import pytest

from stream.base.clock import wall_clock
from stream.base.settings import Settings
from stream.registry.api_keys import plan_disabled
from stream.registry.writer import Writer
from stream.spool import survey
from tests.support.api import AUTHORIZATION, KEY
from tests.support.api_events import order
from tests.support.api_process import ApiProcess, api_process, conversions, with_key
from tests.support.registry import guide, link, store, writes
from tests.support.waiting import eventually


@pytest.fixture
async def registry(kafka_topics: Settings, environ: dict[str, str]) -> Settings:
    """Settings whose registry has something in it, the key `all` too."""
    environ["GUIDESTREAM_API_BODY_MS"] = "1500"
    await with_key(kafka_topics)
    links = (link(f"code{n:02}", n + 1) for n in range(12))
    await Writer(kafka_topics).change(writes(store("s1"), guide("g1", name="李娜"), *links))
    return kafka_topics


@pytest.fixture
async def api(registry: Settings, environ: dict[str, str]) -> AsyncIterator[ApiProcess]:
    with api_process(environ) as running:
        yield running
        assert await asyncio.to_thread(running.end, signal.SIGTERM) == 0, running.log


def lines(numbers: range) -> bytes:
    now = wall_clock()
    return b"\n".join(orjson.dumps(order(number, occurred_at=now)) for number in numbers)


async def test_events_of_all_shapes_are_in_the_topic_once(api: ApiProcess, registry: Settings) -> None:
    now = wall_clock()
    async with httpx.AsyncClient(base_url=api.url, headers=AUTHORIZATION, trust_env=False) as client:
        one = order(1, occurred_at=now, properties={"phone": "138 0013 8000"})
        array = orjson.dumps([order(2, occurred_at=now), {"type": "order_paid"}, one])
        packed = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        answers = [
            await client.post("/v1/events", json=one),
            await client.post("/v1/events", content=array, headers={"Content-Type": "application/json"}),
            await client.post("/v1/events", content=gzip.compress(lines(range(3, 2_000))), headers=packed),
        ]
    assert [answer.status_code for answer in answers] == [202] * 3
    told = [answer.json() for answer in answers]
    assert [(one["accepted"], one["duplicate"], one["rejected"]) for one in told] == [
        (1, 0, 0),
        (1, 1, 1),
        (1997, 0, 0),
    ]
    await eventually(lambda: survey.survey(api.spool).waiting_bytes == 0)
    found = await conversions(registry)
    assert sorted(event["event_id"] for event, _ in found) == sorted(f"order_paid:{n}" for n in range(1, 2_000))
    assert not any(marked for _, marked in found)
    assert "138" not in str([event.get("properties") for event, _ in found if event["order_id"] == "1"])
    scraped = api.get(f"{api.admin}/metrics").text
    assert 'guidestream_intake_events_total{fate="accepted",source="api"} 1999.0' in scraped
    assert "guidestream_registry_links 12.0" in scraped


async def test_kill_9_after_the_answer_loses_nothing_and_what_is_sent_again_is_marked(
    registry: Settings, environ: dict[str, str]
) -> None:
    rng = random.Random(7)
    answered = 0
    for _ in range(4):
        with api_process(environ) as api:
            for _ in range(rng.randint(2, 6)):
                answer = await asyncio.to_thread(api.post, lines(range(answered, answered + 500)))
                assert answer.json()["accepted"] == 500
                answered += 500
            await asyncio.sleep(rng.random() * 0.5)
            api.kill_with_shipper()
    with api_process(environ) as api:
        again = await asyncio.to_thread(api.post, lines(range(answered, answered + 1)))
        assert again.status_code == 202
        assert await asyncio.to_thread(api.end, signal.SIGTERM) == 0, api.log
        assert survey.survey(api.spool).waiting_bytes == 0, "the end of the process drains the spool"
    found = await conversions(registry)
    seen: set[str] = set()
    for event, marked in found:
        assert marked or event["event_id"] not in seen, f"{event['event_id']} came again unmarked"
        seen.add(event["event_id"])
    assert seen == {f"order_paid:{number}" for number in range(answered + 1)}


async def test_a_key_that_is_disabled_is_shut_out_soon(api: ApiProcess, registry: Settings) -> None:
    async with httpx.AsyncClient(base_url=api.url, headers=AUTHORIZATION, trust_env=False) as client:
        assert (await client.get("/v1/guides/g1")).json()["name"] == "李娜"
        page = (await client.get("/v1/links", params={"limit": 10})).json()
        rest = (await client.get("/v1/links", params={"limit": 10, "cursor": page["next"]})).json()
        assert [len(page["items"]), len(rest["items"]), rest["next"]] == [10, 2, ""]
        await Writer(registry).change(plan_disabled(["all"], disabled=True))
        async with asyncio.timeout(20):
            while (await client.get("/v1/guides/g1")).status_code != 401:
                await asyncio.sleep(0.05)


async def test_a_second_api_of_this_machine_is_refused(api: ApiProcess, environ: dict[str, str]) -> None:
    with pytest.raises(pytest.fail.Exception, match="spool"), api_process(environ):
        pass
    assert api.get("/healthz").status_code == 200


def sent(api: ApiProcess, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """What it answers to these bytes; empty when it only closes the connection."""
    with closing(socket.create_connection((api.host, api.port), timeout=20)) as connection:
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause_s)
            connection.shutdown(socket.SHUT_WR) if not pause_s else None
            return connection.recv(65_536)
        except OSError:  # it closed, or reset, the connection
            return b""


def head(*fields: str, path: str = "/v1/events", method: str = "POST") -> bytes:
    named = [f"{method} {path} HTTP/1.1", "Host: h", f"Authorization: Bearer {KEY}", *fields]
    return "\r\n".join([*named, "", ""]).encode("latin-1")


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


JSON = "Content-Type: application/json"


async def test_slow_and_oversized_bodies_get_an_answer_and_hold_nobody_up(api: ApiProcess) -> None:
    began = time.monotonic()
    slow = asyncio.create_task(asyncio.to_thread(sent, api, head(JSON, "Content-Length: 1000"), b"[", pause_s=0.01))
    await asyncio.sleep(0.1)
    assert api.get("/healthz").status_code == 200
    # Its writing side stays open: the engine answers nobody who has closed it with a body half sent.
    large = head(JSON, f"Content-Length: {9 << 20}")
    assert status(await asyncio.to_thread(sent, api, large, b"[", pause_s=0.01)) == 413
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    assert status(await asyncio.to_thread(sent, api, head(JSON, "Transfer-Encoding: chunked"), chunk * 10)) in (413, 0)
    assert status(await slow) == 408
    assert time.monotonic() - began < 15


async def test_header_abuse_is_refused_by_the_engine_or_by_us(api: ApiProcess) -> None:
    rng = random.Random(3)
    tries = [
        b"\0\xff\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n",
        head(*(f"X-{n}: a" for n in range(5_000))),
        head("X: " + "a" * 100_000),
        head(JSON, "Content-Length: -1"),
        head(JSON, "Content-Length: 9999999999999999999999"),
        head(JSON, "Content-Length: 5", "Content-Length: 7") + b"12345",
        head(JSON, "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        head(JSON, "Transfer-Encoding: chunked") + b"zz\r\n",
        head(JSON, "Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
        head(JSON, "Expect: 100-continue", "Content-Length: 2") + b"{}",
        head("Content-Type: " + "application/json;" * 500, "Content-Length: 2") + b"{}",
        head("Content-Type: \xff", "Content-Encoding: \xfe", "Content-Length: 2") + b"{}",
        head(JSON, "X-Forwarded-For: " + "1," * 4_000, path="/v1/collect"),
        head(path="/v1/../../etc/passwd", method="GET"),
        head(path="/v1/links/%00%ff", method="GET"),
        head(path="/v1/links?limit=" + "9" * 5_000, method="GET"),
        head(path="http://evil.example/v1/links", method="GET"),
        head(method="TRACE"),
        head(method="CONNECT"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        *(rng.randbytes(rng.randint(1, 3_000)) for _ in range(50)),
        *(b"POST /v1/events HTTP/1.1\r\n" + rng.randbytes(200) + b"\r\n\r\n" for _ in range(50)),
    ]
    statuses = {one[:40]: status(await asyncio.to_thread(sent, api, one)) for one in tries}
    assert not [(one, number) for one, number in statuses.items() if number >= 500]
    assert api.get("/healthz").status_code == 200
    assert api.get("/metrics").status_code == 404
    assert "request failed" not in api.log


async def test_the_end_does_not_wait_for_a_client_that_does_not_finish(
    registry: Settings, environ: dict[str, str]
) -> None:
    environ["GUIDESTREAM_API_BODY_MS"] = "60000"
    with api_process(environ) as api, closing(socket.create_connection((api.host, api.port))) as unfinished:
        unfinished.sendall(head(JSON, "Content-Length: 1000") + b"[")
        assert (await asyncio.to_thread(api.post, lines(range(3)))).status_code == 202
        assert await asyncio.to_thread(api.end, signal.SIGTERM) == 0, api.log
    assert len(await conversions(registry)) == 3
