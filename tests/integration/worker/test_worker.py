"""A worker process on a real broker and warehouse: its other topics, its metrics, its ways to end."""

import asyncio
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from prometheus_client.parser import text_string_to_metric_families

from schemas.registry import Guide, Record, Removed, Store, encode_record
from schemas.topics import CLICKS, CONVERSIONS, DEAD_LETTERS, REGISTRY
from stream.base.clock import wall_clock
from stream.base.days import day_at
from stream.base.kafka import client_options
from stream.base.runfile import Running
from stream.base.settings import Settings, load
from stream.base.topics import delete_topics, ensure_topics
from stream.sink.clickhouse import ClickHouse
from tests.support.events import conversion, encode
from tests.support.ledger import Sender, all_committed, differences, ends
from tests.support.raw_records import send, send_batch
from tests.support.warehouse import Warehouse
from tests.support.workers import WorkerProcess, running


async def eventually(clickhouse: ClickHouse, sql: str, wanted: list[tuple[Any, ...]]) -> None:
    while await clickhouse.query(sql) != wanted:
        await asyncio.sleep(0.2)


def samples(running_worker: Running) -> dict[str, dict[frozenset[tuple[str, str]], float]]:
    """Values by metric and labels."""
    url = f"http://{running_worker.admin_host}:{running_worker.admin_port}/metrics"
    with urllib.request.urlopen(url, timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
    found: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
    for family in families:
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


async def shown(worker: WorkerProcess, wanted: dict[str, int]) -> None:
    """Wait until the gauges per guide of the business day are these."""
    running_worker = await worker.ready()
    while True:
        gauges = (await asyncio.to_thread(samples, running_worker)).get("guidestream_guide_clicks", {})
        day = {dict(labels)["guide"]: value for labels, value in gauges.items() if ("window", "day") in labels}
        if day == wanted:
            return
        await asyncio.sleep(0.2)


async def test_conversions_are_kept_once_and_bad_ones_are_dead_letters(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path
) -> None:
    now = wall_clock()
    good = [encode(conversion(event_id=f"e{number}", occurred_at=now)) for number in range(5)]
    async with running(environ, ready, tmp_path, "one"), asyncio.timeout(60):
        await send(ready, CONVERSIONS, [(b"c", value) for value in [*good, good[0], b"{", good[3]]])
        await send_batch(ready, CONVERSIONS, 0, [encode(conversion(event_id="x"))], bad=(0,))
        await eventually(
            migrated, "SELECT event_id FROM conversions ORDER BY event_id", [(f"e{number}",) for number in range(5)]
        )
        await eventually(
            migrated,
            "SELECT event_id, topic FROM duplicates ORDER BY event_id",
            [("e0", "conversions"), ("e3", "conversions")],
        )
        await eventually(
            migrated,
            "SELECT reason, topic FROM dead_letters ORDER BY reason",
            [("not_json", "conversions"), ("unreadable", "conversions")],
        )


async def test_the_registry_is_mirrored_from_where_the_tables_are(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path
) -> None:
    records: list[Record | Removed] = [
        Store("s1", "上海一店", "r1"),
        Guide("g1", "王芳", "s1"),
        Guide("g2", "李娜", "s1"),
        Removed("guide", "g2"),
    ]
    encoded = [encode_record(record) for record in records]
    sql = "SELECT guide_id, name, deleted FROM guides FINAL ORDER BY guide_id"
    async with running(environ, ready, tmp_path, "one") as (worker,), asyncio.timeout(60):
        await send(ready, REGISTRY, [*encoded[:2], (b"what:x", b"?"), *encoded[2:]])
        await eventually(migrated, sql, [("g1", "王芳", False), ("g2", "", True)])
        assert await migrated.query("SELECT store_id, name FROM stores") == [("s1", "上海一店")]
        worker.kill()
        await migrated.command("TRUNCATE TABLE guides")
        await migrated.command("TRUNCATE TABLE stores")
        worker.start()
        await eventually(migrated, sql, [("g1", "王芳", False), ("g2", "", True)])


async def test_gauges_and_counters_are_right_before_and_after_a_restart(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path
) -> None:
    async with (
        Sender(ready) as sender,
        running(environ, ready, tmp_path, "one") as (worker,),
        asyncio.timeout(90),
    ):
        before = await worker.ready()
        sent = await sender.send(2_000)
        await sender.repeat(sent[:50])
        await sender.poison([b"{", None])
        await all_committed(ready)
        today = _today(sent, ready)
        await shown(worker, today)
        metrics = await asyncio.to_thread(samples, before)
        fates = {
            name: sum(
                value for labels, value in metrics[f"guidestream_{name}_total"].items() if ("topic", CLICKS) in labels
            )
            for name in ("consumed", "accepted", "rejected", "duplicate")
        }
        assert fates == {"consumed": 2_052, "accepted": 2_000, "rejected": 2, "duplicate": 50}
        assert metrics["guidestream_late_total"][frozenset({("topic", CLICKS)})] > 0
        assert worker.stop() == 0
        worker.start()
        await shown(worker, today)
        more = await sender.send(300)
        await shown(worker, dict(Counter(today) + Counter(_today(more, ready))))
        await all_committed(ready)
        assert await differences(ready, migrated, sender.ledger) == []


async def test_dead_letters_are_a_topic_too(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path
) -> None:
    async with Sender(ready) as sender, running(environ, ready, tmp_path, "one"), asyncio.timeout(60):
        await sender.poison([b'{"v":9}'])
        ((partition, offset),) = sender.ledger.rejected
        consumer = AIOKafkaConsumer(**client_options(ready.kafka), auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([TopicPartition(ready.topic(DEAD_LETTERS), 0)])
        letter = await consumer.getone()
        await consumer.stop()
        said = {name: value.decode() for name, value in letter.headers}
        assert letter.value == b'{"v":9}'
        assert (said["origin_topic"], said["origin_partition"], said["origin_offset"], said["reason"]) == (
            "clicks",
            str(partition),
            str(offset),
            "unknown_version",
        )


@pytest.mark.parametrize(
    ("clicks", "what"),
    [(0, "its raw rows reach offset"), (2_000, "was appended at")],
    ids=["empty", "longer than the old one"],
)
async def test_a_topic_made_anew_under_old_rows_is_refused(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path, clicks: int, what: str
) -> None:
    async with Sender(ready) as sender, running(environ, ready, tmp_path, "one") as (worker,), asyncio.timeout(60):
        await sender.send(500)
        await all_committed(ready)
        assert worker.stop() == 0
    await delete_topics(ready)
    await asyncio.sleep(1)  # the broker deletes in the background
    await ensure_topics(ready)
    async with Sender(ready) as sender:
        await sender.send(clicks)
    async with running(environ, ready, tmp_path, "one") as (worker,), asyncio.timeout(60):
        assert await worker.ended() == 1
        assert "was made anew" in worker.log()
        assert what in worker.log()


async def test_events_that_kafka_dropped_before_they_were_read_are_counted(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path
) -> None:
    async with Sender(ready) as sender, running(environ, ready, tmp_path, "one") as (worker,), asyncio.timeout(60):
        await sender.send(200)
        await all_committed(ready)
        assert worker.stop() == 0
        read = await ends(ready)
        await sender.send(200)
        # The last row's own record goes as well: it cannot be compared any more, and need not be.
        kept = await ends(ready)
        await delete_records(ready, kept)
        worker.start()
        lost = {frozenset({("topic", CLICKS)}): sum(kept.values()) - sum(read.values())}
        found = await asyncio.to_thread(samples, await worker.ready())
        assert found["guidestream_expired_unread_total"] == lost
        await sender.send(100)
        await all_committed(ready)
        assert await migrated.query("SELECT count() FROM clicks") == [(300,)]


async def delete_records(settings: Settings, before: dict[int, int]) -> None:
    """As retention does: drop all records of `clicks` before these offsets."""
    admin = AIOKafkaAdminClient(**client_options(settings.kafka))
    await admin.start()
    topic = settings.topic(CLICKS)
    await admin.delete_records(
        {TopicPartition(topic, partition): RecordsToDelete(offset) for partition, offset in before.items()}
    )
    await admin.close()


async def test_a_database_without_tables_is_said_to_want_a_migration(
    environ: dict[str, str], broker: str, warehouse: Warehouse, tmp_path: Path
) -> None:
    environ.update(warehouse.environ)
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = broker
    async with running(environ, load(environ), tmp_path) as (worker,), asyncio.timeout(30):
        assert await worker.ended() == 1
        assert "guidestream migrate" in worker.log()


def _today(sent: list[Any], settings: Settings) -> dict[str, int]:
    """Clicks per guide since midnight of the brand."""
    since = day_at(wall_clock(), settings.brand.zone).start_ms
    return dict(Counter(one.click["guide"] for one in sent if one.time // 60_000 * 60_000 >= since))
