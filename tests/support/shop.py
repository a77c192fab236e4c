"""A shop whose customers are erased: what is told of them, what is counted of it, and where words are left."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.registry import Guide, Link, Owner, encode_record
from schemas.token import Signer
from schemas.topics import CLICKS, CONVERSIONS, REGISTRY
from stream.base.clock import wall_clock
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.intake import Intake
from stream.privacy import spools
from stream.sink.audit import audit
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import open_log
from tests.support.events import click, encode
from tests.support.ledger import all_committed
from tests.support.raw_records import send

FAST = {"GUIDESTREAM_WORKER_FLUSH_MS": "50", "GUIDESTREAM_WORKER_LATE_MS": "50"}
"""A test waits for the worker dozens of times."""
TOKEN_KEY = bytes.fromhex("ab" * 32)
LINA = "wm-lina-4711"


class Shop:
    """Sends events the way the API does, and asks what became of them."""

    def __init__(self, settings: Settings, clickhouse: ClickHouse, intake: Intake) -> None:
        self.settings, self.clickhouse, self.intake = settings, clickhouse, intake
        self.began_ms = wall_clock() - 600_000
        self.token = self.token_of(1)
        self._number = 0

    def token_of(self, number: int) -> str:
        """The token of one more click."""
        return Signer(1, TOKEN_KEY, 0).sign(7, self.began_ms, number)

    async def opened(self) -> None:
        """A guide and a link of theirs."""
        guide = encode_record(Guide("g1", "王芳", "s1"))
        link = encode_record(Link("spring1", 7, "web", "https://x.example/", (Owner("g1", 0),)))
        await send(self.settings, REGISTRY, [guide, link])

    async def clicked(self, visitors: Mapping[str, str]) -> None:
        """Clicks on that link, in one minute: who clicked, by the token."""
        taps = [
            click(id=token, ts=self.began_ms, visitor=visitor, link="spring1", guide="g1")
            for token, visitor in visitors.items()
        ]
        await send(self.settings, CLICKS, [(b"g1", encode(tap)) for tap in taps])
        await self.settled()

    def tell(self, type_: str, customer: str = LINA, *, ago_ms: int = 0, guide: str = "g1", **more: Any) -> None:
        """One event of a customer."""
        self._number += 1
        event = {"event_id": f"{type_}:{customer}:{self._number}", "type": type_, **more}
        event |= {"customer_id": customer} if customer else {}
        event |= {"guide_id": guide, "occurred_at": wall_clock() - ago_ms}
        outcome = self.intake.take(event)
        assert outcome.status == "accepted", outcome

    def page(self, type_: str, token: str, properties: dict[str, Any], *, ago_ms: int) -> None:
        """One event of a landing page, the way `POST /v1/collect` makes it: all that it names is a click."""
        self._number += 1
        event = {"event_id": f"{type_}:{token}:{self._number}", "type": type_, "token": token}
        outcome = self.intake.take({**event, "occurred_at": wall_clock() - ago_ms, "properties": properties})
        assert outcome.status == "accepted", outcome

    async def settled(self) -> None:
        """Wait until all that was told is written."""
        await spools.shipped(self.settings, 30)
        await all_committed(self.settings, CLICKS)
        await all_committed(self.settings, CONVERSIONS)

    async def totals(self) -> list[Any]:
        """Numbers that no erasure may change, of what guide g1 did and for whom."""
        asked = (
            """
            SELECT type, count(), sum(amount), sum(margin), uniqExact(customer_id), uniqExact(order_id),
                countIf(click_id != ''), countIf(credited_link = 'spring1')
            FROM conversions FINAL WHERE acting_guide_id = 'g1' GROUP BY type ORDER BY type
            """,
            "SELECT count(), uniqExact(visitor_id), sum(is_human) FROM clicks FINAL",
            """
            SELECT countIf(orders > 0), sum(orders), sum(revenue), sum(margin), countIf(referred_by != '')
            FROM customer_rows WHERE NOT startsWith(customer_id, 'flow')
            """,
            "SELECT reason, count() FROM dead_letters FINAL GROUP BY reason ORDER BY reason",
            "SELECT count(), uniqExact(event_id) FROM duplicates FINAL",
            "SELECT count() FROM customer_aliases FINAL",
        )
        return [await self.clickhouse.query(sql) for sql in asked]

    async def difference(self) -> list[str]:
        """What the audit finds."""
        await self.settled()
        async with open_log(self.settings) as kafka:
            report = await audit(self.clickhouse, kafka, now_ms=wall_clock(), hours=None)
        return [] if not report.difference else report.lines()

    async def where(self, *words: str) -> list[str]:
        """Columns of tables, files and records of compacted topics that hold one of the words."""
        columns = await self.clickhouse.query(
            "SELECT table, groupArray(name) FROM system.columns WHERE database = currentDatabase() "
            "AND type NOT LIKE '%AggregateFunction%' AND table IN (SELECT name FROM system.tables "
            "WHERE database = currentDatabase() AND engine LIKE '%MergeTree') GROUP BY table ORDER BY table"
        )
        found = []
        for table, names in columns:
            holds = (
                " + ".join(f"countIf(position(toString(`{name}`), '{word}') > 0)" for word in words) for name in names
            )
            [counts] = await self.clickhouse.query(f"SELECT {', '.join(holds)} FROM {table}")
            found += [f"{table}.{name}" for name, count in zip(names, counts, strict=True) if count]
        commands = await self.clickhouse.query(
            "SELECT command FROM system.mutations WHERE database = currentDatabase()"
        )
        found += [f"mutation {command}" for (command,) in commands if any(word in command for word in words)]
        for path in (self.settings.data.dir / "spool").rglob("*.seg"):
            if any(word.encode() in path.read_bytes() for word in words):
                found.append(str(path))
        found += [f"registry {record}" for record in await self._registry() if any(word in record for word in words)]
        return found

    async def _registry(self) -> list[str]:
        partition = TopicPartition(self.settings.topic(REGISTRY), 0)
        consumer = AIOKafkaConsumer(**client_options(self.settings.kafka))
        await consumer.start()
        try:
            consumer.assign([partition])
            await consumer.seek_to_beginning()
            end, found = (await consumer.end_offsets([partition]))[partition], list[str]()
            while await consumer.position(partition) < end:
                records = (await consumer.getmany(partition, timeout_ms=1_000)).get(partition, [])
                found += [f"{record.key!r} {record.value!r}" for record in records]
            return found
        finally:
            await consumer.stop()


async def erase(environ: dict[str, str], *arguments: str) -> dict[str, Any]:
    """Run the command; its certificate."""
    code, out, err = await ran(environ, *arguments)
    assert code == 0, err
    steps = "waiting for Kafka", "waiting for the worker to have read", "looking for", "counting", "overwriting"
    assert [any(line.startswith(step) for line in err.splitlines()) for step in steps] == [True] * len(steps), err
    assert "40 s at most" in err
    found: dict[str, Any] = orjson.loads(out)
    return found


async def ran(environ: dict[str, str], *arguments: str) -> tuple[int | None, str, str]:
    """Run the command; its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "stream",
        "erase",
        "--yes",
        "--json",
        "--wait",
        "40",
        *arguments,
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()
