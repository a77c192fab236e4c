"""Whoever has a producer can leave when the broker went silent while something was under way."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from schemas.topics import CONVERSIONS
from stream.base import kafka
from stream.base.settings import load
from stream.base.topics import ensure_topics
from stream.privacy.lanes import teller
from stream.sink.replay import open_producer
from stream.spool.kafka import KafkaPublisher
from tests.support.private_broker import PrivateBroker


async def test_producers_that_wait_for_a_broker_that_froze_are_left_and_their_connections_closed(
    environ: dict[str, str], private_broker: PrivateBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "_STOP_S", 0.5)
    await asyncio.to_thread(private_broker.start)
    settings = load(environ)
    await ensure_topics(settings)
    topic = settings.topic(CONVERSIONS)
    async with asyncio.timeout(30), AsyncExitStack() as stack:
        publisher = await KafkaPublisher.connect(settings, topic, client_id="test")
        stack.push_async_callback(publisher.close)
        replaying = await stack.enter_async_context(open_producer(settings))
        telling = (await stack.enter_async_context(teller(settings)))._producer
        producers = (publisher._producer, replaying, telling)
        for producer in producers:
            await producer.send_and_wait(topic, b"{}", partition=0)
        private_broker.freeze()
        for producer in producers:
            await producer.send(topic, b"{}", partition=0)
    assert not any(connection.connected() for one in producers for connection in one.client._conns.values())
