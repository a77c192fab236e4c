"""The admin port answers probes and scrapes, and survives bad clients."""

import socket
import time
from collections.abc import Iterator

import httpx
import pytest

from stream.base import metrics
from stream.base.admin import AdminServer
from stream.base.errors import SettingsError


class Process:
    """What the checks look at."""

    def __init__(self) -> None:
        self.wrong = ""


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def url(process: Process) -> Iterator[str]:
    server = AdminServer("127.0.0.1", 0, ready=lambda: process.wrong)
    yield f"http://127.0.0.1:{server.port}"
    server.close()


def healthy_again(url: str) -> bool:
    for _ in range(200):
        try:
            return httpx.get(f"{url}/healthz").status_code == 200
        except httpx.RemoteProtocolError:
            time.sleep(0.02)  # the slots of the clients that left are not free yet
    return False


def test_a_ready_process_says_so(url: str) -> None:
    assert httpx.get(f"{url}/healthz").text == "ok\n"
    assert httpx.get(f"{url}/readyz").status_code == 200


def test_a_process_that_is_not_ready_answers_503_and_why(url: str, process: Process) -> None:
    process.wrong = "the registry was not read yet"
    answer = httpx.get(f"{url}/readyz")
    assert (answer.status_code, answer.text) == (503, "the registry was not read yet\n")
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_metrics_are_those_of_the_catalogue_in_the_format_asked_for(url: str) -> None:
    metrics.SPOOL_APPENDED.labels("admin-test").inc(3)
    plain = httpx.get(f"{url}/metrics")
    assert 'guidestream_spool_appended_total{topic="admin-test"} 3.0' in plain.text
    assert plain.headers["content-type"].startswith("text/plain")
    assert plain.headers["cache-control"] == "no-store"
    open_metrics = httpx.get(f"{url}/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert open_metrics.text.endswith("# EOF\n")


def test_head_has_no_body_other_paths_are_404_other_methods_501(url: str) -> None:
    assert httpx.head(f"{url}/healthz").text == ""
    assert httpx.get(f"{url}/etc/passwd").status_code == 404
    assert httpx.post(f"{url}/healthz").status_code == 501


@pytest.mark.parametrize(
    "sent", [b"\0\xff\r\n\r\n", b"GET", b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 70_000 + b"\r\n\r\n"]
)
def test_a_client_that_speaks_rubbish_or_hangs_up_hurts_nobody(url: str, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=5) as client:
        client.sendall(sent)
    assert httpx.get(f"{url}/healthz").status_code == 200


def test_connections_beyond_the_limit_are_closed_and_the_next_are_served(url: str) -> None:
    address = ("127.0.0.1", int(url.rpartition(":")[2]))
    held = [socket.create_connection(address, timeout=5) for _ in range(40)]
    assert any(client.recv(1) == b"" for client in held[32:])
    for client in held:
        client.close()
    assert healthy_again(url)


def test_an_address_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}: Address already in use"):
            AdminServer("127.0.0.1", port, ready=str)
