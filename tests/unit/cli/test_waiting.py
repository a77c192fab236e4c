"""What a command says while a peer that is there does not answer."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from stream.base.errors import UnavailableError
from stream.base.settings import Settings, load
from stream.cli import registry_io
from stream.cli import waiting as module
from stream.cli.waiting import connected, waiting
from stream.registry import topic


@pytest.fixture
def silent(environ: dict[str, str]) -> Iterator[Settings]:
    """Settings whose Kafka and ClickHouse take connections and say nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = f"127.0.0.1:{port}"
        environ["GUIDESTREAM_CLICKHOUSE_URL"] = f"http://127.0.0.1:{port}"
        yield load(environ)


def test_what_is_answered_soon_is_not_spoken_of(capsys: pytest.CaptureFixture[str]) -> None:
    with waiting("nothing", 5):
        pass
    assert capsys.readouterr() == ("", "")


def test_a_command_of_the_registry_that_kafka_keeps_waiting_says_so_once(
    silent: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_QUIET_S", 0.0)
    monkeypatch.setattr(topic, "_REQUEST_S", 1.0)
    with pytest.raises(UnavailableError):
        registry_io.state(silent)
    said = f"guidestream: waiting for an answer of Kafka at {silent.kafka.bootstrap}, 30 s at most\n"
    assert capsys.readouterr() == ("", said)


def test_a_command_that_clickhouse_keeps_waiting_says_so_once(
    silent: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "_QUIET_S", 0.0)
    with pytest.raises(UnavailableError):
        asyncio.run(connected(silent, timeout_ms=1_000))
    said = f"guidestream: waiting for an answer of ClickHouse at {silent.clickhouse.url}, 1 s at most\n"
    assert capsys.readouterr() == ("", said)
