"""How to reach the broker, and how to leave it: what every Kafka client of this project starts and ends with."""

import asyncio
import socket
import ssl
import struct
import traceback
from typing import Any, Final

from stream.base.settings import Kafka

_API_VERSIONS = 18
_CORRELATION = 0x6753
_STOP_S: Final = 5.0
ANSWER_S: Final = 40.0
"""How long a client waits for an answer where nothing else is said: aiokafka's own default."""


def client_options(kafka: Kafka) -> dict[str, Any]:
    """Keyword arguments that aiokafka's producer, consumer and admin client share.

    From then on consumers of this process read every record, see `kafka_records`.
    """
    from stream.base import kafka_records  # noqa: PLC0415 - `answers` alone shall not load aiokafka

    kafka_records.install()
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap.split(","),
        "security_protocol": kafka.security_protocol,
    }
    if kafka.security_protocol in ("SSL", "SASL_SSL"):
        options["ssl_context"] = ssl.create_default_context(cafile=str(kafka.ca_file) if kafka.ca_file else None)
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_user
        options["sasl_plain_password"] = kafka.sasl_password.get_secret_value()
    return options


def answers(host: str, port: int, *, timeout_s: float = 1.0) -> bool:
    """Whether a Kafka broker answers there, asked in its own protocol (ApiVersions, which needs no login).

    An embedded broker opens its port only when it may serve, so an answer means ready.
    """
    request = struct.pack(">ihhih", 10, _API_VERSIONS, 0, _CORRELATION, -1)
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(request)
            head = connection.recv(8, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(head) == 8 and struct.unpack(">ii", head)[1] == _CORRELATION


async def start_client(client: Any) -> None:
    """Start an aiokafka producer, consumer or admin client.

    Cancelled while it asks over its first connection what the cluster looks like, aiokafka forgets that connection and
    leaves it open: whoever starts within a time limit would lose one with each try while a broker is frozen. Seen with
    aiokafka 0.14 (2026-11), whose `AIOKafkaClient.bootstrap` alone knows the connection, by the name below.
    """
    try:
        await client.start()
    except BaseException as error:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if (forgotten := frame.f_locals.get("bootstrap_conn")) is not None:
                forgotten.close()
        raise


async def stop_producer(producer: Any, *, within_s: float | None = None) -> None:
    """Stop an aiokafka producer; one that waits for a broker that does not answer loses its connections and is left."""
    try:
        async with asyncio.timeout(_STOP_S if within_s is None else within_s):
            await producer.stop()
    except TimeoutError:
        producer._sender.sender_task.cancel()  # noqa: SLF001 - `stop` has no deadline of its own
        await producer.client.close()


async def stop_consumer(consumer: Any) -> None:
    """Stop an aiokafka consumer in whatever state its requests are.

    Its fetcher cancels each request under way and waits for it: one that was about to try again, as while a broker is
    frozen, then raises CancelledError out of `stop` as if the caller had been cancelled, and connections stay open.
    Seen with aiokafka 0.14 (2026-11); it ended followers and commands without a word.
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        await consumer._client.close()  # noqa: SLF001 - what `stop` would have done next
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
