"""Writers on a real broker: one at a time, all or nothing."""

import asyncio
import gc
import itertools
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest
from aiokafka import AIOKafkaProducer

from schemas.registry import encode_record
from stream.base.errors import InputError, UnavailableError
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.base.topics import delete_topics, ensure_topics
from stream.registry import writer as writer_module
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


async def test_a_writer_that_died_in_a_transaction_leaves_nothing_and_blocks_nobody(
    kafka_topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_DEAD_AFTER_S", 0.5)
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


async def test_a_long_change_and_short_ones_at_once_are_all_made(kafka_topics: Settings) -> None:
    def import_(state: Snapshot) -> tuple[Encoded, int]:
        first = state.highest_number + 1
        return [encode_record(make.link(f"i{number}", number)) for number in range(first, first + 20_000)], first

    first, one, two = await asyncio.gather(
        Writer(kafka_topics).change(import_),
        Writer(kafka_topics).change(next_link),
        Writer(kafka_topics).change(next_link),
    )
    taken = [*range(first, first + 20_000), one, two]
    assert sorted(taken) == list(range(1, 20_003))
    assert (await Writer(kafka_topics).read()).links == 20_002


async def test_without_a_topic_the_error_says_what_to_do(kafka_settings: Settings) -> None:
    with pytest.raises(UnavailableError, match="guidestream topics"):
        await Writer(kafka_settings).change(next_link)


async def test_a_topic_that_is_made_anew_in_the_middle_of_a_change_is_an_error_that_says_what_to_do(
    kafka_topics: Settings,
) -> None:
    async def made_anew() -> None:
        await delete_topics(kafka_topics)
        await ensure_topics(kafka_topics)

    def while_planned(_: Snapshot) -> tuple[Encoded, None]:
        with ThreadPoolExecutor() as pool:
            pool.submit(asyncio.run, made_anew()).result()
        return make.writes(make.store())(Snapshot())

    writer = Writer(kafka_topics)
    await writer.change(make.writes(make.link()))
    with pytest.raises(UnavailableError, match=r"made anew while this ran.*guidestream topics"):
        await writer.change(while_planned)
    await writer.change(make.writes(make.store()))
    assert (await writer.read()).links == 0
