"""A sender of clicks that keeps a ledger of its own, and the comparison of it with everything that the worker wrote."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from schemas.token import Signer
from schemas.topics import CLICKS, RETRANSMITTED
from schemas.windows import window_of
from stream.base.clock import wall_clock
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from tests.support.events import click, encode

BOT = "curl/8.5.0"
MARKED = [(RETRANSMITTED, b"1")]


@dataclass(frozen=True)
class Sent:
    """A click that the broker acknowledged."""

    click: dict[str, Any]
    partition: int
    offset: int
    append_ms: int

    @property
    def time(self) -> int:
        return int(min(self.click["ts"], self.append_ms))

    @property
    def human(self) -> bool:
        return bool(self.click["ua"] != BOT)


@dataclass
class Ledger:
    """Everything sent, by what it must become."""

    accepted: list[Sent] = field(default_factory=list)
    rejected: set[tuple[int, int]] = field(default_factory=set)
    """(partition, offset)."""
    duplicates: set[tuple[int, int]] = field(default_factory=set)

    def raw(self) -> dict[tuple[int, int], str]:
        """Click id by (partition, offset)."""
        return {(sent.partition, sent.offset): sent.click["id"] for sent in self.accepted}

    def windows(self) -> dict[tuple[Any, ...], tuple[int, int, int, int]]:
        """(clicks, human clicks, redirected, visitors) by (window start, guide, link, variant, partition)."""
        rows: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0, 0])
        visitors: dict[tuple[Any, ...], set[str]] = defaultdict(set)
        for sent in self.accepted:
            one = sent.click
            key = (window_of(sent.time), one["guide"], one["link"], one.get("variant", ""), sent.partition)
            rows[key][0] += 1
            rows[key][2] += one["outcome"] == "redirected"
            if sent.human:
                rows[key][1] += 1
                visitors[key].add(one["visitor"])
        return {key: (row[0], row[1], row[2], len(visitors[key])) for key, row in rows.items()}


class Sender:
    """Sends clicks straight to Kafka and writes the ledger from its acknowledgements."""

    def __init__(self, settings: Settings, seed: int = 0) -> None:
        self.settings = settings
        self.ledger = Ledger()
        self._rng = random.Random(seed)
        self._signer = Signer(1, b"\xab" * 32, edge=1)
        self._count = 0
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(
            **client_options(self.settings.kafka),
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_batch_size=1 << 18,
            max_request_size=4 << 20,
            compression_type="gzip",
        )
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._producer is not None
        await self._producer.stop()

    def a_click(self) -> dict[str, Any]:
        """A tap of now; one in twenty is up to two hours old, one in ten is a bot's."""
        rng, now = self._rng, wall_clock()
        self._count += 1
        guide = rng.randrange(12)
        return click(
            id=self._signer.sign(1, now, self._count),
            ts=now - (rng.randrange(7_200_000) if rng.random() < 0.05 else rng.randrange(500)),
            guide=f"导购{guide}",
            link=f"link{guide}{rng.randrange(3)}",
            variant=rng.choice([None, "A", "B"]),
            visitor=f"v{rng.randrange(400)}",
            outcome=rng.choice(["redirected", "redirected", "expired"]),
            ua=BOT if rng.random() < 0.1 else click()["ua"],
        )

    async def send(self, count: int, *, pause_s: float = 0.0, at_once: int = 200) -> list[Sent]:
        """Send that many new clicks, in bursts; returns what was acknowledged."""
        sent: list[Sent] = []
        for start in range(0, count, at_once):
            clicks = [self.a_click() for _ in range(min(at_once, count - start))]
            sent += await self.send_clicks(clicks)
            await asyncio.sleep(pause_s)
        return sent

    async def send_clicks(self, clicks: Sequence[dict[str, Any]], *, marked: bool = False) -> list[Sent]:
        """Send these clicks, which must be accepted."""
        metadata = await self._send([encode(one) for one in clicks], [one["guide"] for one in clicks], marked=marked)
        sent = [
            Sent(one, where.partition, where.offset, where.timestamp)
            for one, where in zip(clicks, metadata, strict=True)
        ]
        self.ledger.accepted += sent
        return sent

    async def repeat(self, sent: Iterable[Sent]) -> None:
        """Send clicks again, marked as retransmitted: each must become a duplicate."""
        clicks = [one.click for one in sent]
        metadata = await self._send([encode(one) for one in clicks], [one["guide"] for one in clicks], marked=True)
        self.ledger.duplicates |= {(where.partition, where.offset) for where in metadata}

    async def poison(self, values: Sequence[bytes | None]) -> None:
        """Send values that must be rejected."""
        keys = [f"导购{self._rng.randrange(12)}" for _ in values]
        metadata = await self._send(values, keys)
        self.ledger.rejected |= {(where.partition, where.offset) for where in metadata}

    async def _send(self, values: Sequence[bytes | None], keys: Sequence[str], *, marked: bool = False) -> list[Any]:
        assert self._producer is not None
        futures = [
            await self._producer.send(
                self.settings.topic(CLICKS), value, key=key.encode(), headers=MARKED if marked else None
            )
            for value, key in zip(values, keys, strict=True)
        ]
        return list(await asyncio.gather(*futures))


async def ends(settings: Settings, topic: str = CLICKS) -> dict[int, int]:
    """The offset behind the last record of each partition of a topic."""
    name = settings.topic(topic)
    consumer = AIOKafkaConsumer(name, **client_options(settings.kafka))
    await consumer.start()
    try:
        partitions = [TopicPartition(name, number) for number in consumer.partitions_for_topic(name) or ()]
        found = await consumer.end_offsets(partitions)
    finally:
        await consumer.stop()
    return {tp.partition: offset for tp, offset in found.items()}


async def committed(settings: Settings, topic: str = CLICKS) -> dict[int, int]:
    """What the worker's group committed, per partition of a topic."""
    admin = AIOKafkaAdminClient(**client_options(settings.kafka))
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(settings.worker.group)
    except GroupCoordinatorNotAvailableError:
        return {}  # no group was ever there: the broker only now makes a place for their offsets
    finally:
        await admin.close()
    return {tp.partition: one.offset for tp, one in found.items() if tp.topic == settings.topic(topic)}


async def all_committed(settings: Settings, topic: str = CLICKS) -> None:
    """Wait until the group committed everything that was sent: then all of it is written."""
    wanted = {partition: end for partition, end in (await ends(settings, topic)).items() if end}
    while wanted.items() > (have := await committed(settings, topic)).items() or any(
        have.get(partition) != end for partition, end in wanted.items()
    ):
        await asyncio.sleep(0.2)


async def differences(settings: Settings, clickhouse: ClickHouse, ledger: Ledger) -> list[str]:
    """Everything in which ClickHouse and the ledger differ; empty when the numbers are right."""
    found: list[str] = []
    rows = await clickhouse.query("SELECT DISTINCT kafka_partition, kafka_offset, click_id FROM clicks")
    raw = {(partition, offset): click_id for partition, offset, click_id in rows}
    expected = ledger.raw()
    found += [f"lost: {key}" for key in sorted(expected.keys() - raw.keys())[:5]]
    found += [f"not sent, or to be rejected: {key}" for key in sorted(raw.keys() - expected.keys())[:5]]
    found += [f"another click: {key}" for key in expected.keys() & raw.keys() if raw[key] != expected[key]][:5]
    found += [f"twice: {click_id}" for click_id, count in Counter(raw.values()).items() if count > 1][:5]
    rows = await clickhouse.query(
        "SELECT toUnixTimestamp(window_start) * 1000, guide_id, link, variant, kafka_partition, "
        "clicks, human_clicks, redirected, visitors FROM link_windows FINAL"
    )
    windows = {row[:5]: row[5:] for row in rows}
    wanted = ledger.windows()
    found += [
        f"window {key}: wanted {wanted.get(key)}, got {windows.get(key)}"
        for key in sorted(wanted.keys() | windows.keys())
        if wanted.get(key) != windows.get(key)
    ][:5]
    for table, origins in (("dead_letters", ledger.rejected), ("duplicates", ledger.duplicates)):
        rows = await clickhouse.query(
            f"SELECT DISTINCT kafka_partition, kafka_offset FROM {table} WHERE topic = '{CLICKS}'"
        )
        if set(rows) != origins:
            found.append(
                f"{table}: missing {sorted(origins - set(rows))[:5]}, too many {sorted(set(rows) - origins)[:5]}"
            )
    for partition, end in (await ends(settings)).items():
        fates = (*raw, *ledger.rejected, *ledger.duplicates)
        count = sum(key[0] == partition for key in fates)
        if count != end:
            found.append(f"partition {partition}: consumed {end}, accepted + rejected + duplicate {count}")
    return found
