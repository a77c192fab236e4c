"""Topics on real Kafka."""

import asyncio
import subprocess
import sys

from stream.base.settings import Settings, load
from stream.base.topics import delete_topics, ensure_topics, wanted_topics


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


def test_the_command_says_what_it_did_and_what_it_left(kafka_settings: Settings, environ: dict[str, str]) -> None:
    assert "created " + kafka_settings.topic("clicks") in _command(environ)
    assert _command(environ) == "all topics are as the settings say\n"
    shorter = environ | {"GUIDESTREAM_KAFKA_RETENTION_HOURS": "24"}
    assert "--apply sets it" in _command(shorter)
    assert "retention.ms is 604800000, the settings say 86400000: set" in _command(shorter, "--apply")
    asyncio.run(delete_topics(kafka_settings))


def test_the_command_ends_with_one_sentence_when_kafka_is_down(environ: dict[str, str]) -> None:
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = "127.0.0.1:1"
    done = subprocess.run(
        [sys.executable, "-m", "stream", "topics"], env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Kafka at 127.0.0.1:1" in done.stderr
    assert "Traceback" not in done.stderr


def _command(environ: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "stream", "topics", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
