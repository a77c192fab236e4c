"""`guidestream status` beside real parts."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream.base import runfile
from stream.base.clock import wall_clock
from stream.base.settings import Settings, load
from stream.embedded.ports import located
from stream.embedded.status import Finding, status
from stream.sink.clickhouse import ClickHouse
from tests.support.api_process import api_process
from tests.support.edge import edge_process

MINUTE_MS = 60_000


def _by_part(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.part: finding for finding in findings}


async def test_all_is_well_when_all_parts_answer_and_nothing_waits(
    kafka_topics: Settings, migrated: ClickHouse, environ: dict[str, str]
) -> None:
    ports = {"GUIDESTREAM_API_PORT": "0", "GUIDESTREAM_API_ADMIN_PORT": "0"}
    with edge_process(environ) as edge, api_process(environ | ports):
        found = _by_part(await status(load(environ), wall_clock()))
    assert [part for part, finding in found.items() if not finding.healthy] == []
    waiting = {"lag clicks", "lag conversions", "spool edge", "spool api"}
    assert set(found) == {"edge", "api", "kafka", "clickhouse"} | waiting
    assert found["edge"].facts["pid"] == edge.process.pid
    assert found["edge"].facts["port"] == edge.port
    assert found["lag clicks"].facts["partitions"].keys() == {0, 1, 2, 3}
    assert found["spool edge"].facts["bytes"] == found["spool api"].facts["bytes"] == 0


async def test_events_that_nobody_takes_are_named_by_partition_and_age(
    kafka_topics: Settings, environ: dict[str, str]
) -> None:
    topic, group = kafka_topics.topic("clicks"), kafka_topics.worker.group
    async with AIOKafkaProducer(bootstrap_servers=kafka_topics.kafka.bootstrap) as producer:
        for partition in (1, 1, 1, 3):
            await producer.send_and_wait(topic, b"{}", partition=partition)
    async with AIOKafkaConsumer(
        bootstrap_servers=kafka_topics.kafka.bootstrap, group_id=group, enable_auto_commit=False
    ) as consumer:
        consumer.assign([TopicPartition(topic, 1)])
        await consumer.commit({TopicPartition(topic, 1): 1})

    fresh = _by_part(await status(kafka_topics, wall_clock()))["lag clicks"]
    assert fresh.healthy
    partitions = fresh.facts["partitions"]
    assert partitions[1] == {"committed": 1, "end": 3, "lag": 2}
    assert partitions[3] == {"committed": None, "end": 1, "lag": 1}
    assert (partitions[0]["lag"], fresh.facts["lag"]) == (0, 3)

    later = _by_part(await status(kafka_topics, wall_clock() + 5 * MINUTE_MS))["lag clicks"]
    assert not later.healthy
    assert "1: 2" in later.says
    assert "5 min" in later.says


async def test_the_age_of_the_newest_row_is_told(migrated: ClickHouse, warehouse_settings: Settings) -> None:
    now_ms = wall_clock()
    arrived = f"fromUnixTimestamp64Milli({now_ms - 1500})"
    await migrated.command(f"INSERT INTO clicks (append_time, received_at) SELECT {arrived}, {arrived}")
    found = _by_part(await status(warehouse_settings, now_ms))["clickhouse"]
    assert found.healthy
    assert found.facts["newest_age_seconds"] == 1.5


async def test_a_missing_schema_and_missing_topics_are_named_with_the_command(
    kafka_settings: Settings, warehouse_settings: Settings, environ: dict[str, str]
) -> None:
    found = _by_part(await status(load(environ), wall_clock()))
    assert "guidestream topics" in found["kafka"].says
    assert "guidestream migrate" in found["clickhouse"].says


def test_a_killed_process_is_down(settings: Settings) -> None:
    subprocess.run([sys.executable, "-c", _PUBLISH], env=os.environ | _environ(settings), check=False)
    found = _by_part(asyncio.run(status(settings, wall_clock())))
    assert not found["edge"].healthy
    assert "without a clean stop" in found["edge"].says


def test_nothing_there_is_said_in_a_line_each_and_by_the_exit_code(tmp_path: Path) -> None:
    environ = {
        "GUIDESTREAM_DATA_DIR": str(tmp_path),
        "GUIDESTREAM_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "GUIDESTREAM_CLICKHOUSE_URL": "http://127.0.0.1:1",
    }
    command = [sys.executable, "-m", "stream", "status"]
    plain = subprocess.run(command, env=os.environ | environ, capture_output=True, text=True, check=False)
    assert plain.returncode == 1
    assert [line.split()[:2] for line in plain.stdout.splitlines()] == [
        ["DOWN", "processes"],
        ["DOWN", "kafka"],
        ["DOWN", "clickhouse"],
    ]
    assert plain.stderr == ""
    done = subprocess.run([*command, "--json"], env=os.environ | environ, capture_output=True, check=False)
    assert orjson.loads(done.stdout)["healthy"] is False


def test_a_broker_and_a_warehouse_on_free_ports_are_found_by_their_run_files(settings: Settings) -> None:
    runfile.publish(settings, "broker", host="127.0.0.1", port=19092)
    runfile.publish(settings, "warehouse", host="127.0.0.1", port=18123)
    found = located(settings)
    assert (found.kafka.bootstrap, found.clickhouse.url) == ("127.0.0.1:19092", "http://127.0.0.1:18123")
    external = load(_environ(settings) | {"GUIDESTREAM_KAFKA_BOOTSTRAP": "kafka:9092"})
    assert located(external).kafka.bootstrap == "kafka:9092"


def _environ(settings: Settings) -> dict[str, str]:
    return {"GUIDESTREAM_DATA_DIR": str(settings.data.dir)}


_PUBLISH = """
import os
from stream.base import runfile, settings
runfile.publish(settings.load(), "edge", admin_host="127.0.0.1", admin_port=1)
os._exit(9)
"""
