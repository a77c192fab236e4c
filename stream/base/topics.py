"""Make the Kafka topics what `schemas.topics` and the settings say; safe to run again and again."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from schemas.topics import TOPICS
from stream.base.errors import GuidestreamError, UnavailableError
from stream.base.kafka import client_options, start_client
from stream.base.settings import Settings

_HOUR_MS = 3_600_000
_SETTLE_S = 15.0
"""A broker knows what the controller did some milliseconds later; a cluster under load takes longer."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A topic as it must look on the broker."""

    name: str
    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that a topic has otherwise than it must."""

    topic: str
    what: str
    """A configuration key, or `partitions`."""
    found: str
    wanted: str
    fixed: bool


@dataclass(frozen=True, slots=True)
class Report:
    """What `ensure_topics` did and found."""

    created: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    """Topics that were given more partitions."""
    differences: tuple[Difference, ...] = ()


def wanted_topics(settings: Settings) -> tuple[Wanted, ...]:
    """The topics of these settings: prefixed names, partition counts, configuration."""
    kafka = settings.kafka
    return tuple(
        Wanted(
            name=settings.topic(topic.name),
            partitions=getattr(kafka, topic.partitions_setting) if topic.partitions_setting else topic.partitions,
            replication=kafka.replication,
            config=topic.config
            | ({"retention.ms": str(kafka.retention_hours * _HOUR_MS)} if topic.retained else {})
            # One broker of three may be down without a stop, and no acknowledged event is on one disk alone.
            | ({"min.insync.replicas": str(kafka.replication - 1)} if kafka.replication > 2 else {}),
        )
        for topic in TOPICS
    )


async def ensure_topics(settings: Settings, *, apply: bool = False) -> Report:
    """Create missing topics and raise partition counts; other differences are reported, and fixed with `apply`.

    Returns when every partition has a leader. A count above the setting stays: Kafka cannot lower it.

    Raises:
        UnavailableError: Kafka does not answer.
        GuidestreamError: Kafka refuses.
    """
    wanted = wanted_topics(settings)
    async with _admin(settings) as admin:
        created = await _create_missing(admin, wanted)
        counts = await _settled(admin, wanted, at_least=None)
        raised = {topic.name: topic.partitions for topic in wanted if counts[topic.name] < topic.partitions}
        if raised:
            await admin.create_partitions({name: NewPartitions(count) for name, count in raised.items()})
            counts = await _settled(admin, wanted, at_least=raised)
        differences = [
            Difference(topic.name, "partitions", str(counts[topic.name]), str(topic.partitions), fixed=False)
            for topic in wanted
            if counts[topic.name] > topic.partitions
        ]
        differences += await _compare_configs(admin, wanted, apply=apply)
        await _coordinated(admin, settings.worker.group)
    return Report(tuple(created), tuple(raised), tuple(differences))


async def delete_topics(settings: Settings) -> None:
    """Delete the topics of these settings, those that are there; for tests and throw-away prefixes."""
    async with _admin(settings) as admin:
        names = await _present(admin, wanted_topics(settings))
        if names:
            await admin.delete_topics(sorted(names))


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(settings.kafka), client_id="guidestream-topics")
    try:
        await start_client(admin)
        yield admin
    except KafkaError as error:
        kind = UnavailableError if error.retriable else GuidestreamError
        raise kind(f"Kafka at {settings.kafka.bootstrap}: {error}") from error
    finally:
        await admin.close()


async def _present(admin: AIOKafkaAdminClient, wanted: tuple[Wanted, ...]) -> set[str]:
    return set(await admin.list_topics()) & {topic.name for topic in wanted}


async def _create_missing(admin: AIOKafkaAdminClient, wanted: tuple[Wanted, ...]) -> list[str]:
    present = await _present(admin, wanted)
    missing = [topic for topic in wanted if topic.name not in present]
    if not missing:
        return []
    response = await admin.create_topics(
        [
            NewTopic(topic.name, topic.partitions, topic.replication, topic_configs=dict(topic.config))
            for topic in missing
        ]
    )
    for name, code, message in response.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):  # somebody else was quicker: fine
            raise for_code(code)(f"{name}: {message}")
    return [topic.name for topic in missing]


async def _settled(
    admin: AIOKafkaAdminClient, wanted: tuple[Wanted, ...], *, at_least: Mapping[str, int] | None
) -> dict[str, int]:
    """Partition counts, once every partition of every topic has a leader (and the raised ones are all there)."""
    deadline = asyncio.get_running_loop().time() + _SETTLE_S
    while True:
        found = {
            topic["topic"]: len(topic["partitions"])
            for topic in await admin.describe_topics([topic.name for topic in wanted])
            if not topic["error_code"] and _has_leaders(topic)
        }
        missing = [topic.name for topic in wanted if found.get(topic.name, 0) < (at_least or {}).get(topic.name, 1)]
        if not missing:
            return found
        if asyncio.get_running_loop().time() > deadline:
            raise UnavailableError(f"no leader after {_SETTLE_S:.0f} s for topics {', '.join(missing)}")
        await asyncio.sleep(0.05)


async def _coordinated(admin: AIOKafkaAdminClient, group: str) -> None:
    """Wait until the group has a coordinator: the first question for one makes a new broker create its offsets topic.

    Else the first worker, or audit, of a new broker is told that there is none, and says so in the log.
    """
    deadline = asyncio.get_running_loop().time() + _SETTLE_S
    while asyncio.get_running_loop().time() < deadline:
        try:
            await admin.find_coordinator(group)
        except KafkaError as error:
            if not error.retriable:
                return  # who makes topics need not be allowed to ask for groups
            await asyncio.sleep(0.05)
        else:
            return


def _has_leaders(topic: dict[str, Any]) -> bool:
    return all(not partition["error_code"] and partition["leader"] >= 0 for partition in topic["partitions"])


async def _compare_configs(admin: AIOKafkaAdminClient, wanted: tuple[Wanted, ...], *, apply: bool) -> list[Difference]:
    found, own = await _configs(admin, wanted)
    differences = [
        Difference(topic.name, key, found[topic.name].get(key, ""), value, fixed=apply)
        for topic in wanted
        for key, value in topic.config.items()
        if found[topic.name].get(key) != value
    ]
    if apply and differences:
        changed = {difference.topic for difference in differences}
        await _alter(admin, tuple(topic for topic in wanted if topic.name in changed), own)
    return differences


async def _alter(admin: AIOKafkaAdminClient, changed: tuple[Wanted, ...], own: dict[str, dict[str, str]]) -> None:
    """Set the configurations and return when they are in force."""
    # This request replaces all of a topic's own values, so those that somebody else set are sent along.
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, own[topic.name] | dict(topic.config)) for topic in changed
    ]
    for response in await admin.alter_configs(resources):
        for code, message, _kind, name in response.resources:
            if code:
                raise for_code(code)(f"{name}: {message}")
    deadline = asyncio.get_running_loop().time() + _SETTLE_S
    while True:
        found, _ = await _configs(admin, changed)
        if all(topic.config.items() <= found[topic.name].items() for topic in changed):
            return
        if asyncio.get_running_loop().time() > deadline:
            raise UnavailableError(f"configurations are not in force after {_SETTLE_S:.0f} s")
        await asyncio.sleep(0.05)


async def _configs(
    admin: AIOKafkaAdminClient, wanted: tuple[Wanted, ...]
) -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Per topic: the values in force, and those of them that were set for this topic itself."""
    in_force: dict[str, dict[str, str]] = {}
    own: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in wanted]
    ):
        for resource in response.to_object()["resources"]:
            if resource["error_code"]:
                raise for_code(resource["error_code"])(f"{resource['resource_name']}: {resource['error_message']}")
            entries = resource["config_entries"]
            in_force[resource["resource_name"]] = {entry["config_names"]: entry["config_value"] for entry in entries}
            own[resource["resource_name"]] = {
                entry["config_names"]: entry["config_value"]
                for entry in entries
                if entry["config_source"] == _TOPIC_SOURCE
            }
    return in_force, own


_TOPIC_SOURCE = 1
"""DYNAMIC_TOPIC_CONFIG in Kafka's protocol: set for this topic, neither the broker's value nor a default."""
