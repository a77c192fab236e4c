"""`guidestream erase` and what names nobody by an id: events of landing pages, ratings, bare numbers."""

from schemas.personal import phone_hashes
from stream.base.person_keys import person_keys
from tests.support.shop import Shop, erase

NUMBER = "13800138000"


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
    assert (first["erased_now"], first["rows_changed"]) == (True, {"conversions": 3})
    assert await shop.where(*words) == []
    assert await shop.totals() == before
    assert await shop.difference() == []
    rows = await shop.clickhouse.query("SELECT type, properties FROM conversions FINAL ORDER BY type")
    assert rows == [
        ("lead", "{}"),
        ("page_view", '{"dwell_ms":5200,"page":"/spring"}'),
        ("satisfaction", '{"score":4}'),
        ("task_done", '{"task":"call erased"}'),
    ]
    assert await erase(environ, "--phone", NUMBER) == {**first, "erased_now": False}
    assert await shop.clickhouse.query("SELECT count() FROM erasures FINAL") == [(1,)]
