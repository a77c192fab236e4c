"""Writers on a real broker: one at a time, all or nothing."""

import asyncio
import gc
import itertools
import secrets

import pytest
from aiokafka import AIOKafkaProducer

from schemas.registry import encode_record
from stream.base.errors import InputError, UnavailableError
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded, Writer
from tests.support import registry as make


def next_link(state: Snapshot) -> tuple[Encoded, int]:
    """A plan in which every writer wants the same thing: the next number."""
    number = state.highest_number + 1
    return [encode_record(make.link(secrets.token_hex(4), number))], number


async def test_writers_at_once_never_give_out_a_number_twice(
    kafka_topics: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def keep_writing() -> list[int]:
        writer = Writer(kafka_topics)
        return [await writer.change(next_link) for _ in range(4)]

    numbers = await asyncio.gather(*(keep_writing() for _ in range(3)))
    assert sorted(itertools.chain(*numbers)) == list(range(1, 13))
    state = await Writer(kafka_topics).read()
    assert state.links == 12
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_plan_that_fails_writes_nothing(kafka_topics: Settings) -> None:
    def fails(_: Snapshot) -> tuple[Encoded, None]:
        raise InputError("is wrong", field="url")

    with pytest.raises(InputError, match="url: is wrong"):
        await Writer(kafka_topics).change(fails)
    assert (await Writer(kafka_topics).read()).offset == 0


async def test_a_writer_that_died_in_a_transaction_leaves_nothing_and_blocks_nobody(kafka_topics: Settings) -> None:
    dead = AIOKafkaProducer(
        **client_options(kafka_topics.kafka), transactional_id=f"{kafka_topics.kafka.topic_prefix}registry-writer"
    )
    await dead.start()
    await dead.begin_transaction()
    await dead.send_and_wait(kafka_topics.topic("registry"), encode_record(make.link("half", 7))[1], key=b"link:half")
    assert await Writer(kafka_topics).change(next_link) == 1
    state = await Writer(kafka_topics).read()
    assert state.resolve("half") is None
    assert state.links == 1
    await dead.stop()


async def test_a_change_larger_than_a_batch_is_one_transaction(kafka_topics: Settings) -> None:
    links = [make.link(f"c{number}", number) for number in range(1, 10_001)]
    told: list[int] = []
    await Writer(kafka_topics).change(make.writes(*links), told.append)
    assert (await Writer(kafka_topics).read()).links == 10_000
    assert told[-1] == 10_000
    assert len(told) > 1, "more than one batch"


async def test_without_a_topic_the_error_says_what_to_do(kafka_settings: Settings) -> None:
    with pytest.raises(UnavailableError, match="guidestream topics"):
        await Writer(kafka_settings).change(next_link)
