"""The writer and the follower on a real broker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer

from schemas.registry import Removed, Salt
from stream.base.clock import wall_clock
from stream.base.days import day_at
from stream.base.kafka import client_options
from stream.base.metrics import REGISTRY_REJECTED
from stream.base.settings import Settings
from stream.base.topics import delete_topics, ensure_topics
from stream.registry import store
from stream.registry.follower import Follower
from stream.registry.writer import Writer
from tests.support import registry as make
from tests.support.waiting import eventually


@asynccontextmanager
async def following(settings: Settings) -> AsyncIterator[Follower]:
    follower = Follower(settings, wall_clock)
    await follower.start()
    try:
        yield follower
    finally:
        await follower.stop()


def a_day(settings: Settings, ago: int = 0) -> str:
    """The brand's day, so many days ago."""
    return day_at(wall_clock() - ago * 86_400_000, settings.brand.zone).name


async def test_a_follower_shows_what_a_writer_wrote(kafka_topics: Settings) -> None:
    writer = Writer(kafka_topics)
    await writer.change(make.writes(make.store(), make.guide(), make.owned("g1")))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.ready)
        found = follower.snapshot.resolve("a8Xk2Pq")
        assert found == make.owned("g1")
        await writer.change(make.writes(make.owned("g1", disabled=True), make.link("other", 2)))
        await eventually(lambda: follower.snapshot.links == 2)
        assert follower.snapshot.resolve("a8Xk2Pq") == make.owned("g1", disabled=True)
        await writer.change(make.writes(Removed("link", "other")))
        await eventually(lambda: follower.snapshot.resolve("other") is None)
        assert follower.snapshot.highest_number == 2


async def test_the_snapshot_on_disk_serves_while_kafka_is_down(kafka_topics: Settings) -> None:
    await Writer(kafka_topics).change(make.writes(make.link()))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.ready)
    nowhere = kafka_topics.model_copy(
        update={"kafka": kafka_topics.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})}
    )
    async with following(nowhere) as follower:
        assert follower.ready
        assert follower.snapshot.resolve("a8Xk2Pq") == make.link()
        assert follower.snapshot.salt(a_day(kafka_topics))


async def test_the_first_links_are_on_disk_long_before_the_snapshot_is_due(kafka_topics: Settings) -> None:
    await Writer(kafka_topics).change(make.writes(make.link()))
    slow = kafka_topics.model_copy(
        update={"registry": kafka_topics.registry.model_copy(update={"snapshot_seconds": 3600})}
    )
    async with following(slow):
        await eventually(store.path_of(slow).exists)


async def test_without_kafka_and_disk_a_follower_starts_unready_with_a_salt_of_its_own(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"kafka": settings.kafka.model_copy(update={"bootstrap": "127.0.0.1:1"})})
    async with following(nowhere) as follower:
        assert not follower.ready
        assert follower.snapshot.salt(a_day(settings))
        assert follower.snapshot.resolve("a8Xk2Pq") is None


async def test_a_follower_goes_on_from_its_disk_and_sees_what_changed_meanwhile(kafka_topics: Settings) -> None:
    writer = Writer(kafka_topics)
    await writer.change(make.writes(make.link("kept", 1), make.link("gone", 2)))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.ready)
    await writer.change(make.writes(Removed("link", "gone"), make.link("new", 3)))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.snapshot.resolve("new") is not None)
        assert follower.snapshot.resolve("gone") is None
        assert follower.snapshot.resolve("kept") is not None


async def test_a_topic_made_anew_is_read_from_its_beginning(kafka_topics: Settings) -> None:
    await Writer(kafka_topics).change(make.writes(make.link("old", 1)))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.ready and not follower.snapshot.own_salts)
    await delete_topics(kafka_topics)
    await ensure_topics(kafka_topics)
    # Longer than the old one was, so that the old offset lies within it.
    await Writer(kafka_topics).change(make.writes(*(make.link(f"new{i}", i) for i in range(1, 40))))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.snapshot.resolve("new39") is not None)
        assert follower.snapshot.resolve("old") is None


async def test_records_that_cannot_be_read_are_counted_and_left_out(kafka_topics: Settings) -> None:
    topic = kafka_topics.topic("registry")
    async with AIOKafkaProducer(**client_options(kafka_topics.kafka)) as producer:
        for key, value in ((b"link:bad", b"{"), (b"nonsense", b"{}"), (b"link:a8Xk2Pq", b'{"v":9}')):
            await producer.send_and_wait(topic, value, key=key)
    await Writer(kafka_topics).change(make.writes(make.link()))
    before = REGISTRY_REJECTED._value.get()
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.ready)
        assert follower.snapshot.links == 1
    assert REGISTRY_REJECTED._value.get() - before >= 3


async def test_edges_that_start_together_agree_on_the_salts(kafka_topics: Settings) -> None:
    today = a_day(kafka_topics)
    data = kafka_topics.data
    others = [
        kafka_topics.model_copy(update={"data": data.model_copy(update={"dir": data.dir / name})})
        for name in ("one", "two", "three")
    ]
    async with following(others[0]) as one, following(others[1]) as two, following(others[2]) as three:
        edges = (one, two, three)
        await eventually(lambda: all(edge.ready and not edge.snapshot.own_salts for edge in edges))
        assert len({edge.snapshot.salt(today) for edge in edges}) == 1


async def test_a_damaged_file_is_ignored_and_written_anew(
    kafka_topics: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    path = store.path_of(kafka_topics)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a snapshot")
    await Writer(kafka_topics).change(make.writes(make.link()))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.ready)
    assert store.load(path)[0].links == 1


async def test_an_expired_salt_is_deleted_from_the_topic_and_forgotten_by_every_edge(kafka_topics: Settings) -> None:
    today, old = a_day(kafka_topics), a_day(kafka_topics, ago=5)
    await Writer(kafka_topics).change(make.writes(Salt(today, b"t" * 32), Salt(old, b"o" * 32)))
    async with following(kafka_topics) as follower:
        await eventually(lambda: follower.ready and old not in follower.snapshot.salts)
        assert follower.snapshot.salt(today) == b"t" * 32
    assert old not in (await Writer(kafka_topics).read()).salts
