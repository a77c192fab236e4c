"""The embedded broker as a process: kills, restarts, clashes."""

import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream.base import runfile
from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics
from tests.support.broker import start, stop, wait_ready


@contextmanager
def _running(environ: dict[str, str], log_file: Path) -> Iterator[tuple[psutil.Process, psutil.Process, Settings]]:
    """The broker's process, its JVM, and settings that reach it."""
    process = start("broker", environ, log_file)
    try:
        ready = wait_ready(process, load(environ), "broker", log_file)
        (jvm,) = psutil.Process(process.pid).children()
        yield (
            psutil.Process(process.pid),
            jvm,
            load(environ | {"GUIDESTREAM_KAFKA_BOOTSTRAP": f"{ready.host}:{ready.port}"}),
        )
    finally:
        stop(process)


@pytest.fixture
def own(tmp_path: Path) -> dict[str, str]:
    """A broker of this test's own; in a directory whose name is as hard as names get."""
    return {"GUIDESTREAM_DATA_DIR": str(tmp_path / "数据 a,b=c"), "GUIDESTREAM_BROKER_PORT": "0"}


async def _send(settings: Settings, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap) as producer:
        await producer.send_and_wait(settings.topic("dead_letters"), value)


async def _received(settings: Settings) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=settings.kafka.bootstrap, auto_offset_reset="earliest") as consumer:
        partition = TopicPartition(settings.topic("dead_letters"), 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        while await consumer.position(partition) < end:
            values += [record.value for record in (await consumer.getmany(timeout_ms=1000)).get(partition, [])]
        return values


def _cluster_id(settings: Settings) -> str:
    return (settings.data.dir / "broker" / "data" / "meta.properties").read_text("utf-8").partition("cluster.id=")[2]


async def test_a_killed_broker_takes_its_jvm_along_and_comes_back_with_its_data(
    own: dict[str, str], tmp_path: Path
) -> None:
    log_file = tmp_path / "broker.log"
    with _running(own, log_file) as (process, jvm, settings):
        await ensure_topics(settings)
        await _send(settings, "第一".encode())
        identity = _cluster_id(settings)
        process.kill()
        jvm.wait(10)  # nobody is left to stop it
        assert runfile.read(settings, "broker") is None
    with _running(own, log_file) as (process, jvm, settings):
        assert await _received(settings) == ["第一".encode()]
        assert _cluster_id(settings) == identity
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert not jvm.is_running()
        assert not runfile.path(settings, "broker").exists()
    assert log_file.read_text("utf-8").count('"formatted"') == 1


def test_a_broker_whose_jvm_dies_ends_too_and_says_so(own: dict[str, str], tmp_path: Path) -> None:
    log_file = tmp_path / "broker.log"
    with _running(own, log_file) as (process, jvm, _):
        jvm.kill()
        assert process.wait(10) == 1
    assert "the broker ended by itself (exit code -9)" in log_file.read_text("utf-8")


def test_a_taken_port_is_named_with_the_setting_before_anything_starts(own: dict[str, str], tmp_path: Path) -> None:
    log_file = tmp_path / "broker.log"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start("broker", own | {"GUIDESTREAM_BROKER_PORT": str(port)}, log_file)
        assert process.wait(30) == 2
    message = log_file.read_text("utf-8")
    assert f"127.0.0.1:{port}" in message
    assert "GUIDESTREAM_BROKER_PORT" in message
    assert not (tmp_path / "数据 a,b=c" / "broker" / "data").exists()


def test_a_broker_listens_on_this_machine_alone_and_bears_no_second_one_on_its_data(
    own: dict[str, str], tmp_path: Path
) -> None:
    with _running(own, tmp_path / "first.log") as (process, jvm, _):
        _listens_on_loopback_only(process, jvm)
        log_file = tmp_path / "second.log"
        assert start("broker", own, log_file).wait(30) == 1
        assert "runs on" in log_file.read_text("utf-8")


def _listens_on_loopback_only(*processes: psutil.Process) -> None:
    listening = [
        connection.laddr.ip
        for process in processes
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
