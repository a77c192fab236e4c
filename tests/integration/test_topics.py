"""Topics on real Kafka."""

from stream.base.settings import Settings, load
from stream.base.topics import ensure_topics, wanted_topics


async def test_topics_are_created_once_and_then_left_alone(kafka_settings: Settings) -> None:
    first = await ensure_topics(kafka_settings)
    assert set(first.created) == {topic.name for topic in wanted_topics(kafka_settings)}
    second = await ensure_topics(kafka_settings)
    assert (second.created, second.raised, second.differences) == ((), (), ())


async def test_more_partitions_are_added_and_fewer_are_reported(
    kafka_topics: Settings, environ: dict[str, str]
) -> None:
    more = load(environ | {"GUIDESTREAM_KAFKA_CLICKS_PARTITIONS": "6"})
    assert (await ensure_topics(more)).raised == (more.topic("clicks"),)
    (difference,) = (await ensure_topics(kafka_topics)).differences
    assert (difference.topic, difference.what, difference.found) == (more.topic("clicks"), "partitions", "6")


async def test_a_changed_setting_is_reported_and_applied_on_request(
    kafka_topics: Settings, environ: dict[str, str]
) -> None:
    shorter = load(environ | {"GUIDESTREAM_KAFKA_RETENTION_HOURS": "24"})
    found = (await ensure_topics(shorter)).differences
    assert {item.what for item in found} == {"retention.ms"}
    assert not any(item.fixed for item in found)
    assert all(item.fixed for item in (await ensure_topics(shorter, apply=True)).differences)
    assert (await ensure_topics(shorter)).differences == ()
