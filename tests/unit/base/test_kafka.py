"""How to reach the broker."""

import asyncio
import gc
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from stream.base.kafka import answers, client_options, start_client, stop_consumer
from stream.base.settings import load


def test_a_cluster_with_login_gets_its_options() -> None:
    kafka = load(
        {
            "GUIDESTREAM_KAFKA_BOOTSTRAP": "a:1,b:2",
            "GUIDESTREAM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "GUIDESTREAM_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "GUIDESTREAM_KAFKA_SASL_USER": "guide",
            "GUIDESTREAM_KAFKA_SASL_PASSWORD": "秘密",
        }
    ).kafka
    options = client_options(kafka)
    assert options["bootstrap_servers"] == ["a:1", "b:2"]
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("guide", "秘密")
    assert options["ssl_context"].check_hostname


def test_nothing_listens_so_nothing_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert not answers("127.0.0.1", port, timeout_s=0.2)


def test_something_that_is_no_kafka_does_not_count_as_an_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak_http() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=speak_http)
        thread.start()
        assert not answers("127.0.0.1", server.getsockname()[1], timeout_s=5)
        thread.join()


def test_a_silent_peer_is_given_up_after_the_time_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not answers("127.0.0.1", server.getsockname()[1], timeout_s=0.05)


class Fetching:
    """A consumer whose fetcher has a request that waits for its next try, as aiokafka's `stop` treats it."""

    def __init__(self) -> None:
        self._client = self
        self.closed = False

    async def stop(self) -> None:
        request = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        request.cancel()
        await request

    async def close(self) -> None:
        self.closed = True


async def test_a_request_that_a_stopping_consumer_cancels_does_not_cancel_its_caller() -> None:
    consumer = Fetching()
    await stop_consumer(consumer)
    assert consumer.closed


async def test_a_caller_that_is_cancelled_while_its_consumer_stops_stays_cancelled() -> None:
    consumer = Fetching()
    stopping = asyncio.create_task(stop_consumer(consumer))
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert consumer.closed


async def _say_versions_and_no_more(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A broker that freezes between its first answer and its second."""
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    correlation = (await reader.readexactly(size))[4:8]
    metadata, versions = (3, 0, 5), (18, 0, 0)
    answer = correlation + struct.pack(">hi", 0, 2) + struct.pack(">3h3h", *metadata, *versions)
    writer.write(struct.pack(">i", len(answer)) + answer)
    while await reader.read(1024):
        pass
    writer.close()


@pytest.mark.parametrize("client", [AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaAdminClient])
async def test_a_start_that_is_given_up_leaves_no_connection_open(client: Callable[..., Any]) -> None:
    left = asyncio.Event()

    async def frozen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _say_versions_and_no_more(reader, writer)
        left.set()

    async with await asyncio.start_server(frozen, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        starting = client(bootstrap_servers=f"{host}:{port}")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await start_client(starting)
        # Before anything collects garbage, whose finalizers would close it, too.
        async with asyncio.timeout(10):
            await left.wait()
        await (starting.close if client is AIOKafkaAdminClient else starting.stop)()
    gc.collect()
