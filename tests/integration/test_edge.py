"""A real edge process over HTTP, with the registry that an earlier one left on disk; mostly without Kafka."""

import asyncio
import http.client
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from schemas.token import verify
from schemas.topics import RETRANSMITTED
from stream.base import runfile
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.registry.writer import Writer
from tests.support.edge import EdgeProcess, edge_process, seed, spooled
from tests.support.registry import guide, link, owned, store, writes

LINKS = [
    owned("g1", url="https://shop.example.com/p/1"),
    link("gone", 2, disabled=True),
    link("inWechat", 3, platforms=("wechat",)),
]


@pytest.fixture
def alone(environ: dict[str, str]) -> dict[str, str]:
    """An edge that finds a registry on disk and no Kafka."""
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = "127.0.0.1:1"
    environ["GUIDESTREAM_EDGE_DRAIN_MS"] = "500"
    seed(environ, *LINKS)
    return environ


@pytest.fixture
def edge(alone: dict[str, str]) -> Iterator[EdgeProcess]:
    with edge_process(alone) as running:
        yield running


def get(edge: EdgeProcess, path: str, **headers: str) -> httpx.Response:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return httpx.get(edge.url + path, headers=raw, follow_redirects=False, trust_env=False)


def metric(edge: EdgeProcess, name: str) -> float:
    lines = httpx.get(f"{edge.admin}/metrics", trust_env=False).text.splitlines()
    return float(next((line.rpartition(" ")[2] for line in lines if line.startswith(name)), 0))


def eventually(check: Any) -> None:
    deadline = time.monotonic() + 20
    while not check():
        assert time.monotonic() < deadline, "did not happen"
        time.sleep(0.02)


def test_taps_are_answered_kept_and_counted_without_kafka(edge: EdgeProcess) -> None:
    answer = get(edge, "/a8Xk2Pq")
    assert answer.status_code == 302
    assert get(edge, "/gone").status_code == 410
    assert get(edge, "/nope").status_code == 404
    first, second = edge.clicks()
    assert answer.headers["location"] == f"https://shop.example.com/p/1?ct={first['id']}"
    assert verify(first["id"], {1: b"\xab" * 32}).link_number == 1
    assert (first["guide"], first["store"], first["region"], first["ip"]) == ("g1", "s1", "east", "127.0.0.0/24")
    assert (second["link"], second["outcome"]) == ("gone", "disabled")
    eventually(lambda: metric(edge, 'guidestream_edge_unknown_codes_total{kind="code"}') == 1)
    assert metric(edge, 'guidestream_edge_requests_total{outcome="redirected"}') == 1


def test_probes_and_metrics_are_on_the_admin_port_and_never_on_the_public_one(edge: EdgeProcess) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert httpx.get(edge.admin + path, trust_env=False).status_code == 200
        assert get(edge, path).status_code == 404


def test_chinese_bytes_in_headers_make_no_new_visitors_and_close_no_link(edge: EdgeProcess) -> None:
    for _ in range(2):
        assert "set-cookie" not in get(edge, "/a8Xk2Pq", cookie="nick=李; gs_vid=" + "x" * 24).headers
    assert get(edge, "/inWechat", user_agent="Android 13; 荣耀80) MicroMessenger/8.0.42").status_code == 302
    assert get(edge, "/inWechat", user_agent="Android 13; HONOR 80)").status_code == 200
    first, second, opened, refused = edge.clicks()
    assert first["visitor"] == second["visitor"]
    assert (first["visitor_kind"], opened["ua"]) == ("hash", "(unreadable)")
    assert (opened["outcome"], refused["outcome"]) == ("redirected", "wrong_platform")


def test_a_killed_edge_has_kept_every_answered_tap(edge: EdgeProcess) -> None:
    answered = set()
    with httpx.Client(base_url=edge.url, trust_env=False) as client:
        for _ in range(200):
            answered.add(client.get("/a8Xk2Pq").headers["location"].partition("ct=")[2])
    edge.end(signal.SIGKILL)
    assert {click["id"] for click in spooled(edge.spool)} == answered


def test_sigterm_finishes_answers_and_takes_the_run_file_back(edge: EdgeProcess) -> None:
    idle = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)
    idle.request("GET", "/a8Xk2Pq")
    assert idle.getresponse().status == 302
    assert edge.end() == 0
    assert len(spooled(edge.spool)) == 1
    assert runfile.read(edge.settings, "edge") is None
    with closing(socket.socket()) as refused:
        assert refused.connect_ex(("127.0.0.1", edge.port)) != 0
    idle.close()


def test_a_connection_that_sends_half_a_request_does_not_hold_up_the_end(edge: EdgeProcess) -> None:
    with socket.create_connection(("127.0.0.1", edge.port)) as half:
        half.sendall(b"GET /a8Xk2Pq HTTP/1.1\r\nHost:")
        eventually(lambda: get(edge, "/nope").status_code == 404)
        assert edge.end() == 0


def test_more_connections_than_files_that_may_be_open_wait_and_keep_no_tap_from_the_spool(
    alone: dict[str, str],
) -> None:
    alone["GUIDESTREAM_SPOOL_SEGMENT_BYTES"] = "4096"  # a new file every few taps
    with edge_process(alone, open_files=150) as edge, ExitStack() as stack:
        client = stack.enter_context(httpx.Client(base_url=edge.url, trust_env=False))
        statuses = [client.get("/a8Xk2Pq").status_code]
        for _ in range(200):
            stack.enter_context(socket.create_connection(("127.0.0.1", edge.port)))
        statuses += [client.get("/a8Xk2Pq").status_code for _ in range(99)]
        assert statuses == [302] * 100
        assert len(edge.clicks()) == 100
        assert "GUIDESTREAM_EDGE_MAX_CONNECTIONS" in (edge.settings.data.dir / "edge.log").read_text()


def test_two_edges_of_one_machine_need_two_numbers(edge: EdgeProcess, alone: dict[str, str]) -> None:
    with pytest.raises(pytest.fail.Exception, match="GUIDESTREAM_EDGE_NUMBER"), edge_process(alone):
        pass
    with edge_process({**alone, "GUIDESTREAM_EDGE_NUMBER": "7"}, "edge-7") as other:
        get(other, "/a8Xk2Pq")
        [click] = other.clicks()
    assert verify(click["id"], {1: b"\xab" * 32}).edge == 7


def test_hostile_bytes_and_ten_thousand_codes_leave_the_edge_as_it_was(edge: EdgeProcess) -> None:
    rng = random.Random(4)
    requests = [
        b"\x00" * 100,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n",
        b"GET /a8Xk2Pq HTTP/1.1\r\nHost: h\r\n" + b"A: b\r\n" * 5000 + b"\r\n",
        b"GET http://evil.example/a8Xk2Pq HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        b"POST /a8Xk2Pq HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999999\r\nConnection: close\r\n\r\nxxx",
        b"GET /a8Xk2Pq HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        *(rng.randbytes(rng.randint(1, 3000)) for _ in range(50)),
    ]
    for data in requests:
        with socket.create_connection(("127.0.0.1", edge.port), timeout=5) as connection:
            try:
                connection.sendall(data)
                connection.recv(100) if data.endswith(b"\r\n\r\n") else None
            except OSError:
                pass
    before = len(edge.clicks())
    with closing(http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)) as many:
        for _ in range(10_000):
            many.request("GET", f"/{rng.randbytes(5).hex()}")
            many.getresponse().read()
    assert len(edge.clicks()) == before
    eventually(lambda: metric(edge, 'guidestream_edge_unknown_codes_total{kind="code"}') >= 10_000)
    series = httpx.get(f"{edge.admin}/metrics", trust_env=False).text.count("guidestream_edge_unknown_codes_total{")
    assert series <= 5
    assert get(edge, "/a8Xk2Pq").status_code == 302
    assert {click["link"] for click in edge.clicks()} == {"a8Xk2Pq"}


async def test_a_changed_registry_and_the_clicks_travel_through_kafka(
    kafka_topics: Settings, environ: dict[str, str]
) -> None:
    writer = Writer(kafka_topics)
    await writer.change(writes(store(), guide(), *LINKS))
    with edge_process(environ) as edge:
        answered = [await asyncio.to_thread(tap, edge) for _ in range(20)]
        await writer.change(writes(owned("g1", url="https://new.example.com/")))
        while not (changed := await asyncio.to_thread(tap, edge)).startswith("https://new.example.com/"):
            answered.append(changed)
        records = await consumed(kafka_topics, len(answered) + 1)
        assert await asyncio.to_thread(edge.end) == 0
    assert {record.key for record in records} == {b"g1"}
    tokens = [location.partition("ct=")[2] for location in (*answered, changed)]
    assert tokens == [orjson.loads(record.value)["id"] for record in records]
    assert not any(name == RETRANSMITTED for record in records for name, _ in record.headers)


def tap(edge: EdgeProcess) -> str:
    return get(edge, "/a8Xk2Pq").headers["location"]


async def consumed(settings: Settings, number: int) -> list[Any]:
    """The first clicks of the topic; those of one guide lie in one partition, in order."""
    consumer = AIOKafkaConsumer(
        settings.topic("clicks"), **client_options(settings.kafka), auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        return [await asyncio.wait_for(consumer.getone(), 30) for _ in range(number)]
    finally:
        await consumer.stop()
