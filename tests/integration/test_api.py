"""`guidestream api` as a process: real registry, real sockets, hostile clients, a clean stop."""

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stream.base.runfile import Running
from stream.base.settings import Settings
from stream.registry.writer import Writer
from tests.support.broker import start, stop, wait_ready
from tests.support.registry import guide, link, store, writes


@pytest.fixture
async def registry(kafka_topics: Settings) -> Settings:
    """Settings whose registry has something in it."""
    writer = Writer(kafka_topics)
    await writer.change(writes(store("s1"), guide("g1", name="李娜"), *(link(f"code{n:02}", n + 1) for n in range(12))))
    return kafka_topics


@pytest.fixture
def api(registry: Settings, environ: dict[str, str], tmp_path: Path) -> Iterator[Running]:
    log_file = tmp_path / "api.log"
    process = start("api", environ, log_file)
    yield wait_ready(process, registry, "api", log_file)
    assert stop(process) == 0, log_file.read_text()


def test_it_reads_the_registry_survives_rubbish_and_stops_cleanly(api: Running) -> None:
    url = f"http://{api.host}:{api.port}"
    with httpx.Client(base_url=url) as client:
        assert client.get("/readyz").json() == {"status": "ok"}
        assert client.get("/v1/guides/g1").json()["name"] == "李娜"
        page = client.get("/v1/links", params={"limit": 10}).json()
        rest = client.get("/v1/links", params={"limit": 10, "cursor": page["next"]}).json()
        assert [len(page["items"]), len(rest["items"]), rest["next"]] == [10, 2, ""]
        assert client.get("/metrics").status_code == 404
    for sent in (b"\0\xff\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n"):
        with socket.create_connection((api.host, api.port), timeout=5) as rubbish:
            rubbish.sendall(sent)
    assert httpx.get(f"{url}/healthz").status_code == 200
    scraped = httpx.get(f"http://{api.admin_host}:{api.admin_port}/metrics").text
    assert "guidestream_registry_links 12.0" in scraped
