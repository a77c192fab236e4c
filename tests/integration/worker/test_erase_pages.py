"""`guidestream erase` and what names nobody by an id: events of landing pages, ratings, bare numbers."""

import json
from typing import Any

import orjson
import pytest

from schemas.erasure import CUSTOMER
from schemas.personal import phone_hashes
from schemas.topics import CLICKS, CONVERSIONS
from stream.base.clock import wall_clock
from stream.base.errors import UnavailableError
from stream.base.person_keys import person_keys
from stream.privacy.erase import Eraser, Wish
from stream.sink.erasing import Erasing, Statement
from stream.sink.kafka_log import open_log
from tests.support.raw_records import send
from tests.support.shop import LINA, Shop, erase

NUMBER = "13800138000"
RATES = "SELECT visitors, leads, sharers, active FROM bi_rates_day WHERE dimension = 'guide' AND id = 'g1' ORDER BY day"
CREDIT = {"clicks.click_id", "conversions.click_id", "conversions.first_click_id"}
"""Where the ids of clicks stay: they are what credit is made of."""


async def test_a_number_that_leads_to_no_id_is_taken_out_all_the_same(shop: Shop, environ: dict[str, str]) -> None:
    await shop.opened()
    unseen = shop.token_of(9)
    shop.page("page_view", unseen, {"dwell_ms": 5200, "page": "/spring"}, ago_ms=100_000)
    shop.page("lead", unseen, {"phone": NUMBER, "message": "I am Lina from Jingan"}, ago_ms=90_000)
    shop.tell("satisfaction", "", ago_ms=80_000, properties={"score": 4, "text": f"call me: {NUMBER}"})
    shop.tell("task_done", "", ago_ms=70_000, properties={"task": f"call {NUMBER}"})
    await shop.settled()
    before = await shop.totals()
    words = ("I am Lina", "call me", *phone_hashes(NUMBER, person_keys(shop.settings)))
    assert "conversions.properties" in await shop.where(*words)

    first = await erase(environ, "--phone", NUMBER)
    assert (first["erased_now"], first["rows_changed"]) == (True, {"conversions": 4})
    assert await shop.where(*words) == []
    assert set(await shop.where(unseen)) <= CREDIT
    assert await shop.totals() == before
    assert await shop.difference() == []
    rows = await shop.clickhouse.query("SELECT type, properties FROM conversions FINAL ORDER BY type")
    assert rows == [
        ("lead", "{}"),
        ("page_view", '{"dwell_ms":5200}'),
        ("satisfaction", '{"score":4}'),
        ("task_done", '{"task":"call erased"}'),
    ]
    assert await erase(environ, "--phone", NUMBER) == {**first, "erased_now": False}
    assert await shop.clickhouse.query("SELECT count() FROM erasures FINAL") == [(1,)]


async def test_what_landing_pages_told_goes_with_whom_their_clicks_lead_to(shop: Shop, environ: dict[str, str]) -> None:
    first, second, mei, ann, other = tokens = [shop.token_of(number) for number in range(5)]
    await shop.opened()
    browsers = ("browser-lina", "browser-lina", "browser-mei", "browser-ann", "browser-other")
    await shop.clicked(dict(zip(tokens, browsers, strict=True)))
    shop.tell("friend_added", ago_ms=500_000, token=first)
    for token, name in zip(tokens, ("Lina", "Lina", "Mei", "Ann", "Other"), strict=True):
        shop.page("page_view", token, {"dwell_ms": 5200, "page": f"/for-{name}"}, ago_ms=400_000)
        shop.page("shared", token, {"message": f"from {name}"}, ago_ms=300_000)
    shop.page("lead", second, {"phone": "13900139000", "message": "from Lina", "campaign": "spring"}, ago_ms=200_000)
    shop.page("lead", mei, {"phone": NUMBER, "message": "from Mei"}, ago_ms=200_000)
    again = {"v": 1, "event_id": f"lead:{second}:again", "type": "lead", "token": second, "occurred_at": shop.began_ms}
    records = [orjson.dumps(one) for one in (again, again, {**again, "type": "order_paid"})]
    await send(shop.settings, CONVERSIONS, [(second.encode(), one) for one in records])
    await send(shop.settings, CLICKS, [(b"g1", f'{{"id": "{second}", "ip_prefix": "203.0.113.0/24"'.encode())])
    await shop.settled()
    before, rates = await shop.totals(), await shop.clickhouse.query(RATES)
    hashes = phone_hashes("13900139000", person_keys(shop.settings))
    assert {"dead_letters.value", "duplicates.event_id", "conversions.token"} <= set(await shop.where(second))

    async def unchanged() -> None:
        assert await shop.difference() == []
        assert await shop.totals() == before
        assert await shop.clickhouse.query(RATES) == rates

    customer = await erase(environ, "--customer", LINA)
    assert customer["rows_changed"] == {
        "clicks": 2,
        "conversions": 7,
        "customer_states": 1,
        "dead_letters": 2,
        "duplicates": 1,
    }
    assert await shop.where("Lina", LINA, "browser-lina", *hashes) == []
    assert set(await shop.where(first, second)) == CREDIT
    await unchanged()
    assert await erase(environ, "--customer", LINA) == {**customer, "erased_now": False}

    # The same once more is a duplicate still.
    await send(shop.settings, CONVERSIONS, [(b"elsewhere", orjson.dumps(again))])
    await shop.settled()
    assert (await shop.totals())[4] == [(2, 2)]
    assert set(await shop.where(second)) - {"duplicates.event_id"} == CREDIT
    before[4] = [(2, 2)]

    # A number leads to the browser that left it.
    phone = await erase(environ, "--phone", NUMBER)
    assert phone["rows_changed"] == {"clicks": 1, "conversions": 3}
    assert await shop.where("from Mei", "/for-Mei", "browser-mei") == []
    assert set(await shop.where(mei)) == CREDIT
    await unchanged()
    assert await erase(environ, "--phone", NUMBER) == {**phone, "erased_now": False}

    # What a page sends that was open still has nobody's id; who asks once more takes it out as well.
    visitor = await erase(environ, "--visitor", "browser-ann")
    assert visitor["rows_changed"] == {"clicks": 1, "conversions": 2}
    shop.page("shared", ann, {"message": "late from Ann"}, ago_ms=0)
    await shop.settled()
    assert "conversions.properties" in await shop.where("from Ann")
    late = await erase(environ, "--visitor", "browser-ann")
    assert late["rows_changed"] == {"conversions": 1}
    assert await shop.where("from Ann", "/for-Ann", "browser-ann") == []
    assert await erase(environ, "--visitor", "browser-ann") == {**late, "erased_now": False}
    assert await shop.difference() == []
    assert await properties(shop, other) == [
        ("page_view", '{"dwell_ms":5200,"page":"/for-Other"}'),
        ("shared", '{"message":"from Other"}'),
    ]


async def test_an_id_may_hold_what_json_escapes_and_spaces_around_it(shop: Shop, environ: dict[str, str]) -> None:
    odd, browser, brought = " wm-\"quo'te\\slash-李娜 ", 'safari\\lina"3 ', "wm-brought-1"
    await shop.opened()
    await shop.clicked({shop.token: browser})
    shop.tell("friend_added", odd, ago_ms=500_000, token=shop.token)
    shop.tell("order_paid", odd, ago_ms=300_000, order_id="o1", amount="100")
    shop.tell("lead", "", ago_ms=200_000, visitor_id=browser, properties={"message": "from Lina"})
    shop.tell("referred", brought, ago_ms=100_000, properties={"referred_by": odd})
    shop.tell("alias", odd, ago_ms=90_000, properties={"alias": "crm-7"})
    bad = {"v": 1, "type": "order_paid", "event_id": "e", "customer_id": odd, "occurred_at": shop.began_ms}
    await send(shop.settings, CONVERSIONS, [(b"", orjson.dumps(bad)), (b"", json.dumps({**bad, "v": 9}).encode())])
    await shop.settled()
    before = await shop.totals()
    words = ("quo", "slash-", "safari", "lina", "crm-7")
    assert "dead_letters.value" in await shop.where(*words)

    first = await erase(environ, "--customer", odd)
    assert first["rows_changed"] == {
        "clicks": 1,
        "conversions": 5,
        "customer_aliases": 1,
        "customer_states": 2,
        "dead_letters": 2,
    }
    assert await shop.where(*words) == []
    assert await shop.totals() == before
    assert await shop.difference() == []
    assert await erase(environ, "--customer", odd) == {**first, "erased_now": False}
    assert (await erase(environ, "--customer", odd.strip()))["rows_changed"] == {}


async def test_pages_are_found_again_after_a_run_that_had_changed_the_clicks(
    shop: Shop, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, another = shop.token_of(1), shop.token_of(2)
    await shop.opened()
    await shop.clicked({own: "browser-lina", another: "browser-lina"})
    shop.tell("friend_added", ago_ms=500_000, token=own)
    shop.page("shared", another, {"message": "from Lina"}, ago_ms=300_000)
    shop.tell("lead", "", ago_ms=200_000, visitor_id="browser-lina", properties={"message": "of the browser"})
    await shop.settled()
    before = await shop.totals()
    change = Erasing._change

    async def ends(erasing: Erasing, statement: Statement) -> None:
        if statement.table == "conversions":
            raise UnavailableError("gone")
        await change(erasing, statement)

    async with open_log(shop.settings) as kafka:
        eraser = Eraser(shop.settings, shop.clickhouse, kafka, person_keys(shop.settings), wall_clock, print)
        wish = Wish(CUSTOMER, LINA)
        person = await eraser.find(wish, 30)
        with monkeypatch.context() as patched:
            patched.setattr(Erasing, "_change", ends)
            with pytest.raises(UnavailableError, match="gone"):
                await eraser.erase(wish, person, 30)
    assert "clicks.visitor_id" not in await shop.where("browser-lina")
    assert (await erase(environ, "--customer", LINA))["erased_now"]
    assert await shop.where("from Lina", LINA, "browser-lina", "of the browser") == []
    certificates = "SELECT kind, count(), countIf(finished_at IS NULL) FROM erasures FINAL GROUP BY kind ORDER BY kind"
    assert await shop.clickhouse.query(certificates) == [("customer", 1, 0), ("visitor", 1, 0)]
    assert await shop.totals() == before
    assert await shop.difference() == []


async def properties(shop: Shop, token: str) -> list[Any]:
    return await shop.clickhouse.query(
        f"SELECT type, properties FROM conversions FINAL WHERE token = '{token}' ORDER BY type"
    )
