"""`guidestream import` with a real Kafka: what is in the file is in the topic, once, whatever happens on the way."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.topics import CONVERSIONS
from stream.base.kafka import client_options
from stream.base.settings import PREFIX, Settings
from tests.support.imports import csv_text, order

ROWS = 30_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.csv"
    path.write_text(csv_text([order(number) for number in range(ROWS)]), encoding="gb18030")
    return path


def start(file: Path, environ: dict[str, str], *more: str) -> subprocess.Popen[bytes]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "stream", "import", str(file), "--kind", "orders", "--json", *more]
    return subprocess.Popen(command, env=inherited | environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> dict[str, int]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    said: dict[str, int] = orjson.loads(out)
    return said


async def in_topic(settings: Settings) -> Counter[str]:
    """How often each event id is in the topic."""
    consumer = AIOKafkaConsumer(**client_options(settings.kafka), auto_offset_reset="earliest")
    await consumer.start()
    found: Counter[str] = Counter()
    try:
        topic = settings.topic(CONVERSIONS)
        places = [TopicPartition(topic, number) for number in range(settings.kafka.conversions_partitions)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found.update(orjson.loads(record.value)["event_id"] for record in records)
    finally:
        await consumer.stop()
    return found


async def test_a_file_that_is_killed_half_way_and_imported_twice_is_in_the_topic_with_the_same_ids(
    kafka_topics: Settings, environ: dict[str, str], file: Path
) -> None:
    wanted = {f"order_paid:E{number:06}" for number in range(ROWS)}
    process = start(file, environ)
    spool = kafka_topics.data.dir / "spool" / "import-conversions"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and sum(one.stat().st_size for one in spool.glob("*.seg")) < 1_000_000:
        await asyncio.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)

    said = finish(start(file, environ))
    assert (said["rows"], said["accepted"], said["problems"], said["waiting_bytes"]) == (ROWS, ROWS, 0, 0)
    assert (await in_topic(kafka_topics)).keys() == wanted

    again = finish(start(file, environ))
    assert again["accepted"] == ROWS, "the worker counts an event once, by its id"
    assert (await in_topic(kafka_topics)).keys() == wanted


async def test_without_a_kill_every_order_is_there_once(
    kafka_topics: Settings, environ: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "few.csv"
    file.write_text(csv_text([order(number) for number in [*range(500), *range(200)]]))
    said = finish(start(file, environ))
    assert (said["rows"], said["accepted"], said["duplicate"]) == (700, 500, 200)
    found = await in_topic(kafka_topics)
    assert len(found) == 500
    assert set(found.values()) == {1}
    assert not list((kafka_topics.data.dir / "imports").glob("*")), "the file is done"
