"""`guidestream erase` beside a running worker: nothing names the person any more, and every number is what it was."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.erasure import CUSTOMER
from schemas.personal import phone_hashes
from schemas.registry import Guide, Link, Owner, encode_record
from schemas.token import Signer
from schemas.topics import CLICKS, CONVERSIONS, REGISTRY
from stream.base.clock import wall_clock
from stream.base.errors import UnavailableError
from stream.base.kafka import client_options
from stream.base.person_keys import person_keys
from stream.base.settings import Settings
from stream.intake import Intake
from stream.privacy import spools
from stream.privacy.erase import Eraser, Wish
from stream.sink.audit import audit
from stream.sink.clickhouse import ClickHouse
from stream.sink.erasing import Erasing
from stream.sink.kafka_log import open_log
from stream.spool import Spool
from tests.integration.worker.test_worker import send
from tests.support.dying_worker import VARIABLE, arm
from tests.support.events import click, encode
from tests.support.ledger import all_committed
from tests.support.workers import running

LINA, CRM, BROWSER = "wm-lina-4711", "crm-lina-0815", "browser-lina-31337"
PHONE = "139 1234 5678"
OTHER = "wm-other-1"
FAST = {"GUIDESTREAM_WORKER_FLUSH_MS": "50", "GUIDESTREAM_WORKER_LATE_MS": "50"}
"""A test waits for the worker dozens of times."""
TOKEN_KEY = bytes.fromhex("ab" * 32)


class Shop:
    """Sends events the way the API does, and asks what became of them."""

    def __init__(self, settings: Settings, clickhouse: ClickHouse, intake: Intake) -> None:
        self.settings, self.clickhouse, self._intake = settings, clickhouse, intake
        self.began_ms = wall_clock() - 600_000
        self.token = Signer(1, TOKEN_KEY, 0).sign(7, self.began_ms, 1)
        self._number = 0

    def tell(self, type_: str, customer: str = LINA, *, ago_ms: int = 0, guide: str = "g1", **more: Any) -> None:
        """One event of a customer."""
        self._number += 1
        event = {"event_id": f"{type_}:{customer}:{self._number}", "type": type_, **more}
        event |= {"customer_id": customer} if customer else {}
        event |= {"guide_id": guide, "occurred_at": wall_clock() - ago_ms}
        outcome = self._intake.take(event)
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
            FROM customer_states FINAL WHERE NOT startsWith(customer_id, 'flow')
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


@pytest.fixture
async def shop(environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path) -> AsyncIterator[Shop]:
    environ.update(FAST)
    async with Intake.open(ready, "api") as intake, running(environ, ready, tmp_path, "one"), asyncio.timeout(150):
        yield Shop(ready, migrated, intake)


async def history(shop: Shop) -> None:
    """A customer with everything that may name one."""
    settings, at = shop.settings, shop.began_ms
    await send(
        settings,
        REGISTRY,
        [
            encode_record(Guide("g1", "王芳", "s1")),
            encode_record(Link("spring1", 7, "web", "https://x.example/", (Owner("g1", 0),))),
        ],
    )
    taps = [click(id=shop.token, ts=at, visitor=BROWSER, link="spring1", guide="g1")]
    taps += [click(id=Signer(1, TOKEN_KEY, 0).sign(7, at, 2 + n), ts=at, visitor=f"other-{n}") for n in range(3)]
    await send(settings, CLICKS, [(b"g1", encode(tap)) for tap in taps])
    await shop.settled()
    shop.tell("friend_added", ago_ms=500_000, token=shop.token)
    shop.tell("lead", ago_ms=400_000, visitor_id=BROWSER, properties={"phone": PHONE, "name": "李娜", "note": "孕妈"})
    shop.tell("tagged", ago_ms=390_000, properties={"tag": f"friend of {LINA}"})
    shop.tell("order_paid", ago_ms=300_000, order_id="o1", amount="100", margin="40")
    shop.tell("order_paid", CRM, ago_ms=200_000, order_id="o2", amount="50", margin="20")
    shop.tell("order_refunded", ago_ms=100_000, order_id="o1", amount="10", margin="4")
    shop.tell("alias", ago_ms=90_000, properties={"alias": CRM})
    shop.tell("satisfaction", ago_ms=90_000, properties={"score": 5, "text": "谢谢"})
    shop.tell("referred", OTHER, ago_ms=80_000, properties={"referred_by": LINA})
    shop.tell("order_paid", OTHER, ago_ms=70_000, order_id="o3", amount="7")
    again = repeated(shop)
    letters = [orjson.dumps({**again, "type": "order_paid"}), f'{{"a": "{LINA}'.encode()]
    await send(settings, CONVERSIONS, [(LINA.encode(), record) for record in [orjson.dumps(again)] * 3 + letters])
    await send(settings, CONVERSIONS, [(b"", b'{"type": "lead", "customer_id": "wm-lina-47110"}')])
    await shop.settled()


def repeated(shop: Shop) -> dict[str, Any]:
    """An event that comes again and again; its id names the customer."""
    event = {"v": 1, "type": "lead", "event_id": f"lead:{LINA}:x", "customer_id": LINA}
    return {**event, "occurred_at": shop.began_ms, "guide_id": "g1"}


@asynccontextmanager
async def flow(shop: Shop) -> AsyncIterator[None]:
    """Others go on while somebody is erased."""

    async def go_on() -> None:
        while True:
            for number in range(5):
                shop.tell("message_in", f"flow-{number}", guide="g2")
                shop.tell("order_paid", f"flow-{number}", guide="g2", order_id=f"f{number}", amount="1")
            await asyncio.sleep(0.05)

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        going.cancel()


async def test_a_customer_is_erased_while_events_flow(shop: Shop, environ: dict[str, str]) -> None:
    await history(shop)
    words = (LINA, CRM, BROWSER, *phone_hashes(PHONE, person_keys(shop.settings)), "孕妈", "friend of")
    letter = "dead_letters.value"
    before, named = await shop.totals(), await shop.where(*words)
    assert {"conversions.customer_id", "clicks.visitor_id", "customer_states.state", letter} <= set(named)
    assert any("spool" in one for one in named)

    async with flow(shop):
        first = await erase(environ, "--customer", LINA)
        assert first["erased_now"]
        second = await erase(environ, "--customer", LINA)
    assert second == {**first, "erased_now": False}
    assert first["rows_changed"]["conversions"] == 10
    assert set(first["rows_changed"]) == {
        "clicks",
        "conversions",
        "customer_states",
        "customer_aliases",
        "dead_letters",
        "duplicates",
    }

    assert await shop.difference() == []
    assert await shop.totals() == before
    left = await shop.where(*words)
    assert left == [letter], "the letter of wm-lina-47110, who is somebody else"

    # Once more what was there before: a duplicate, whose note names nobody.
    await send(shop.settings, CONVERSIONS, [(b"elsewhere", orjson.dumps(repeated(shop)))])
    assert await shop.difference() == []
    *same, duplicates, aliases = await shop.totals()
    assert [*same, aliases] == [*before[:-2], before[-1]]
    assert duplicates == [(3, 2)]
    # From before, and late: it goes where the rest is. From after: of somebody new.
    shop.tell("order_paid", ago_ms=250_000, order_id="o4", amount="1000")
    assert await shop.difference() == []
    assert [one for one in await shop.where(*words) if "spool" not in one] == [letter]
    shop.tell("order_paid", order_id="o5", amount="3")
    assert await shop.difference() == []
    [(orders, revenue)] = await shop.clickhouse.query(
        f"SELECT orders, toFloat64(revenue) FROM customer_states FINAL WHERE customer_id = '{LINA}'"
    )
    assert (orders, revenue) == (1, 3)
    third = await erase(environ, "--customer", LINA)
    assert third["erased_now"]
    assert third["id"] != first["id"]
    assert third["hash"] == first["hash"]
    assert await shop.where(*words) == [letter]
    assert await shop.difference() == []


async def test_a_phone_number_leads_to_all_who_left_it(shop: Shop, environ: dict[str, str]) -> None:
    await history(shop)
    twin, neighbour = "wm-twin-1", "wm-neighbour-1"
    shop.tell("lead", twin, ago_ms=50_000, properties={"mobile": "+86 13912345678", "form": "双生"})
    shop.tell("lead", "", ago_ms=40_000, token=shop.token, properties={"note": f"call {PHONE}", "campaign": "spring"})
    shop.tell("order_paid", neighbour, ago_ms=30_000, order_id="o9", amount="5", visitor_id=BROWSER)
    await shop.settled()
    before = await shop.totals()
    outcome = await erase(environ, "--phone", PHONE)
    assert outcome["kind"] == "phone"
    assert outcome["hash"] not in phone_hashes(PHONE, person_keys(shop.settings))
    hashes = phone_hashes(PHONE, person_keys(shop.settings))
    left = await shop.where(LINA, CRM, BROWSER, twin, "双生", *hashes)
    assert left == ["dead_letters.value"]
    assert await shop.totals() == before
    assert await shop.difference() == []
    campaign = "SELECT properties FROM conversions WHERE customer_id = '' AND type = 'lead'"
    assert await shop.clickhouse.query(campaign) == [('{"campaign":"spring"}',)]
    assert await shop.clickhouse.query(
        f"SELECT startsWith(visitor_id, 'erased:'), order_id FROM conversions WHERE customer_id = '{neighbour}'"
    ) == [(True, "o9")]
    assert await erase(environ, "--phone", "0086 139-1234-5678") == {**outcome, "erased_now": False}


async def test_what_waits_or_was_cut_short_is_made_up_for_by_the_next_run(
    shop: Shop, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await history(shop)
    before = await shop.totals()
    waiting = Spool.of(shop.settings, "import", CONVERSIONS)
    waiting.append(b"x", b"{}")
    waiting.close()
    code, _, said = await ran(environ, "--visitor", BROWSER, "--wait", "1")
    assert (code, "import-conversions" in said, "run this again" in said) == (1, True, True)
    shutil.rmtree(waiting.directory)
    assert await shop.clickhouse.query("SELECT count() FROM erasures") == [(0,)]

    async with open_log(shop.settings) as kafka:
        eraser = Eraser(shop.settings, shop.clickhouse, kafka, person_keys(shop.settings), wall_clock, print)
        wish = Wish(CUSTOMER, LINA)
        person = await eraser.find(wish, 30)
        assert set(person.customers) == {LINA, CRM}
        with monkeypatch.context() as patched:
            patched.setattr(Erasing, "change", AsyncMock(side_effect=UnavailableError("gone")))
            with pytest.raises(UnavailableError, match="gone"):
                await eraser.erase(wish, person, 30)
        [(cut_short, finished)] = await shop.clickhouse.query(
            "SELECT count(), countIf(finished_at IS NOT NULL) FROM erasures FINAL"
        )
        assert (cut_short, finished) == (3, 0)
        assert await shop.clickhouse.query("SELECT count() FROM erasing") == [(0,)]
        outcome = await eraser.erase(wish, await eraser.find(wish, 30), 30)
    assert outcome.erased_now
    assert await shop.clickhouse.query("SELECT uniqExact(id), countIf(finished_at IS NULL) FROM erasures FINAL") == [
        (3, 0)
    ]
    assert await shop.where(LINA, CRM, BROWSER) == ["dead_letters.value"]
    assert await shop.totals() == before
    assert await shop.difference() == []


async def test_after_consent_is_withdrawn_no_more_is_kept_of_a_customer(shop: Shop) -> None:
    shop.tell("consent", ago_ms=60_000, properties={"given": False})
    shop.tell(
        "lead", ago_ms=30_000, visitor_id=BROWSER, properties={"phone": PHONE, "note": "孕妈", "campaign": "spring"}
    )
    shop.tell("tagged", ago_ms=20_000, properties={"tag": "高意向"})
    shop.tell("order_paid", ago_ms=10_000, order_id="o1", amount="9", properties={"size": "forty-two"})
    await shop.settled()
    hashes = phone_hashes(PHONE, person_keys(shop.settings))
    left = await shop.where(BROWSER, "孕妈", "高意向", "forty-two", *hashes)
    assert [one for one in left if "spool" not in one] == []
    rows = await shop.clickhouse.query("SELECT type, properties FROM conversions FINAL ORDER BY occurred_at")
    assert rows[1:] == [("lead", '{"campaign":"spring"}'), ("tagged", "{}"), ("order_paid", "{}")]
    assert await shop.difference() == []


async def test_what_is_rejected_names_nobody_in_clear_either(shop: Shop) -> None:
    bad = {"v": 1, "event_id": "e", "type": "order_paid", "occurred_at": wall_clock(), "customer_id": PHONE}
    records = [orjson.dumps({**bad, "properties": {"name": "李娜"}}), f'{{"phone": "{PHONE}"'.encode()]
    await send(shop.settings, CONVERSIONS, [(PHONE.encode(), record) for record in records])
    await shop.settled()
    assert await shop.clickhouse.query("SELECT count() FROM dead_letters") == [(2,)]
    assert await shop.where(PHONE, "13912345678", "李娜") == []


async def test_a_worker_killed_while_it_erases_ends_up_where_another_would(
    environ: dict[str, str], ready: Settings, migrated: ClickHouse, tmp_path: Path
) -> None:
    order, module = tmp_path / "die", "tests.support.dying_worker"
    environ.update(FAST)
    environ[VARIABLE] = str(order)
    async with (
        Intake.open(ready, "api") as intake,
        running(environ, ready, tmp_path, "one", module=module) as (worker,),
        asyncio.timeout(200),
    ):
        shop = Shop(ready, migrated, intake)
        for number, point in enumerate(("after raw rows", "after customers")):
            somebody = f"wm-somebody-{number}"
            shop.tell("friend_added", somebody, ago_ms=200_000)
            shop.tell("order_paid", somebody, ago_ms=100_000, order_id=f"o{number}", amount="7")
            shop.tell("referred", f"other-{number}", properties={"referred_by": somebody})
            await shop.settled()
            before = await shop.totals()
            arm(order, point, 1)
            erasing = asyncio.create_task(erase(environ, "--customer", somebody))
            assert await worker.ended() == -9
            order.unlink()
            worker.start(module)
            assert (await erasing)["erased_now"]
            assert [one for one in await shop.where(somebody) if "spool" not in one] == [], point
            assert await shop.difference() == [], point
            assert await shop.totals() == before, point
