"""`guidestream erase` beside a running worker: nothing names the person any more, and every number is what it was."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from unittest.mock import AsyncMock

import orjson
import pytest

from schemas.erasure import CUSTOMER
from schemas.personal import phone_hashes
from schemas.topics import CONVERSIONS
from stream.base.clock import wall_clock
from stream.base.errors import UnavailableError
from stream.base.person_keys import person_keys
from stream.base.settings import Settings
from stream.intake import Intake
from stream.privacy.erase import Eraser, Wish
from stream.sink.clickhouse import ClickHouse
from stream.sink.erasing import Erasing
from stream.sink.kafka_log import open_log
from stream.spool import Spool
from tests.support.dying_worker import VARIABLE, arm
from tests.support.raw_records import send
from tests.support.shop import FAST, LINA, Shop, erase, ran
from tests.support.workers import running

CRM, BROWSER = "crm-lina-0815", "browser-lina-31337"
PHONE = "139 1234 5678"
OTHER = "wm-other-1"


async def history(shop: Shop) -> None:
    """A customer with everything that may name one."""
    await shop.opened()
    await shop.clicked({shop.token: BROWSER} | {shop.token_of(2 + n): f"other-{n}" for n in range(3)})
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
    await send(shop.settings, CONVERSIONS, [(LINA.encode(), record) for record in [orjson.dumps(again)] * 3 + letters])
    await send(shop.settings, CONVERSIONS, [(b"", b'{"type": "lead", "customer_id": "wm-lina-47110"}')])
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
        told = "SELECT toString(kafka_partition), max(kafka_offset) FROM conversions WHERE type = 'erased' GROUP BY 1"
        assert first["offsets"] == dict(await shop.clickhouse.query(told))
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
        f"SELECT orders, toFloat64(revenue) FROM customer_rows WHERE customer_id = '{LINA}'"
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
