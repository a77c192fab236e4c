"""One lane of conversions over real tables: credit, customers and what a restart makes up for, without a broker."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.attribution import SKEW_MS
from schemas.erasure import CUSTOMER, VISITOR, erased_event, id_hash, unnamed_id
from schemas.person_hashes import PersonKeys
from schemas.token import Signer
from schemas.windows import Facts
from stream.sink.clickhouse import ClickHouse
from stream.sink.conversion_windows import (
    CONVERSION_WINDOW_COLUMNS,
    conversion_window_block,
    recounted,
    written,
)
from stream.sink.customers import ALIAS_COLUMNS, Alias, alias_block, aliases
from stream.sink.erasures import Certificate, put
from stream.worker.attributed import records
from tests.support.bad_tokens import bad_tokens
from tests.support.click_rows import Row, insert_clicks
from tests.support.conversion_lane import PERSON_KEYS, TOKEN_KEYS, Time, Worker, money, order, refund, registry
from tests.support.customer_rows import orders
from tests.support.events import AT_MS
from tests.support.registry import owned

PSEUDONYM = "erased:" + "0" * 32


def token(at_ms: int = AT_MS - 60_000, link: int = 1, counter: int = 0) -> str:
    return Signer(1, TOKEN_KEYS[1], edge=1).sign(link, at_ms, counter)


def a_click(visitor_id: str) -> Row:
    """A minute before, on the second guide's link."""
    at = datetime.fromtimestamp((AT_MS - 60_000) / 1000, UTC)
    return Row(0, at, link="b2", guide_id="g2", visitor_id=visitor_id)


@pytest.fixture
async def worker(migrated: ClickHouse) -> Worker:
    await registry(migrated, [owned("g1"), owned("g2", "b2", 2)])
    return Worker(migrated, Time())


async def test_both_ids_of_one_person_know_of_each_others_clicks_while_both_are_remembered(worker: Worker) -> None:
    lane = worker.lane()
    await lane.take(0, {"type": "lead", "customer_id": "kept", "token": token()})
    await lane.take(1, {"type": "lead", "customer_id": "other", "token": token(AT_MS - 90_000, 2)})
    await lane.take(2, {"type": "alias", "customer_id": "kept", "properties": {"alias": "other"}})
    for offset, customer in enumerate(["kept", "other", "kept", "other"], 3):
        (raw,) = await lane.take(offset, {"type": "message_in", "customer_id": customer, "guide_id": "g9"})
        first = raw.credit.first
        assert (raw.credit.rule, raw.credit.guide_id, first and first.link) == ("customer", "g1", "b2"), customer


@pytest.mark.parametrize("kind", [CUSTOMER, VISITOR])
async def test_an_erasure_is_taken_in_and_read_back(worker: Worker, kind: str) -> None:
    lane = worker.lane()
    event = erased_event(kind, "x", PSEUDONYM, AT_MS - 500, "erasure:0", PERSON_KEYS)
    await lane.take(0, {"type": "lead", "customer_id": "c", "visitor_id": "x"}, dict(event))
    again = worker.lane()
    await again.recover()


async def test_an_erasure_that_was_carried_out_long_ago_is_recovered_over(worker: Worker, migrated: ClickHouse) -> None:
    lane = worker.lane()
    event = erased_event(CUSTOMER, "x", PSEUDONYM, AT_MS - 500, "erasure:0", PERSON_KEYS)
    await lane.take(0, order("o1", customer_id="x"), dict(event))
    await migrated.command(
        f"ALTER TABLE conversions UPDATE customer_id = '{PSEUDONYM}', properties = '{{}}' WHERE type = 'erased'",
        settings={"mutations_sync": 2},
    )
    again = worker.lane()
    await again.recover()
    known = await again.known("x", PSEUDONYM)
    assert (orders(known["x"].state), orders(known[PSEUDONYM].state)) == (0, 1)


async def test_the_first_clicks_time_of_a_row_that_has_none_is_its_tokens(worker: Worker, migrated: ClickHouse) -> None:
    lane = worker.lane()
    (before,) = await lane.take(0, order("o1", customer_id="c1", token=token()))
    await migrated.command(
        "ALTER TABLE conversions UPDATE first_click_time = NULL WHERE 1", settings={"mutations_sync": 2}
    )
    assert before.credit.first
    assert await lane.raw(0, 0) == [before]


async def test_a_click_after_the_event_gives_way_to_the_visitors(worker: Worker, migrated: ClickHouse) -> None:
    await insert_clicks(migrated, [a_click("v1")])
    ahead = token(AT_MS - 1_000 + SKEW_MS + 1)
    (raw,) = await worker.lane().take(0, {"type": "lead", "visitor_id": "v1", "token": ahead})
    assert (raw.credit.rule, raw.credit.guide_id, raw.token_error) == ("visitor", "g2", "after_event")


@pytest.mark.parametrize("together", [False, True], ids=["in batches of their own", "in one batch"])
@pytest.mark.parametrize(
    "more",
    [{}, {"customer_id": "c1", "guide_id": "g9"}, {"guide_id": "g9", "token": token(AT_MS - 5_000, 2)}],
    ids=["nothing", "its customer", "another guide and click"],
)
async def test_a_refund_has_the_credit_and_the_customer_of_its_order_whatever_it_names(
    worker: Worker, *, together: bool, more: dict[str, str]
) -> None:
    lane = worker.lane()
    events = [
        {"type": "lead", "customer_id": "c1", "token": token()},
        order("o1", customer_id="c1", guide_id="g3", properties={"campaign": "双十一"}),
        refund("o1", margin="12", **more),
    ]
    if together:
        raw = await lane.take(0, *events)
    else:
        raw = [one for offset, event in enumerate(events) for one in await lane.take(offset, event)]
    _, paid, refunded = raw
    credit = paid.credit
    assert (credit.rule, credit.confidence, credit.guide_id, credit.link) == ("customer", 0.9, "g1", "a8Xk2Pq")
    assert paid.credit.facts == Facts("s1", "east", "双十一", "")
    assert refunded.credit == paid.credit
    assert refunded.event["customer_id"] == "c1"
    assert refunded.event.get("guide_id") == more.get("guide_id")
    state = (await lane.known("c1"))["c1"].state
    assert (orders(state), state.refunds, state.margin) == (1, money("30"), money("28"))
    assert [touch.link for touch in state.touches] == ["a8Xk2Pq"]


async def test_events_of_one_minute_are_counted_under_the_campaign_and_the_touchpoint_that_each_names(
    worker: Worker, migrated: ClickHouse
) -> None:
    lane = worker.lane()
    named = [("双十一", "sms"), ("618", "sms"), ("双十一", "ad"), ("双十一", "sms")]
    orders = [
        order(f"o{number}", guide_id="g3", properties={"campaign": campaign, "touchpoint": touchpoint})
        for number, (campaign, touchpoint) in enumerate(named)
    ]
    await lane.take(0, *orders[:2])
    await lane.take(2, *orders[2:], refund("o1", guide_id="g3", properties={"campaign": "双十一"}))
    rows = lane.state.windows.begin_flush().rows
    block = conversion_window_block([(0, row) for row in rows], updated_ms=AT_MS)
    await migrated.insert("conversion_windows", CONVERSION_WINDOW_COLUMNS, block)
    assert await migrated.query(
        "SELECT campaign_id, touchpoint, orders, order_amount, refunds FROM bi_funnel_minute ORDER BY 1, 2"
    ) == [("618", "sms", 1, 100, 1), ("双十一", "ad", 1, 100, 0), ("双十一", "sms", 2, 200, 0)]
    (start,) = {row.window_start for row in rows}
    assert set(await recounted(migrated, 0, [start])) == set(rows) == set(await written(migrated, 0, [start]))


async def test_a_refund_in_another_partition_finds_its_order_and_a_customers_row_of_its_own(worker: Worker) -> None:
    one, other = worker.lane(0), worker.lane(1)
    (paid,) = await one.take(0, order("o1", customer_id="c1", token=token()))
    (refunded,) = await other.take(0, refund("o1", token=token(AT_MS - 5_000, 2)))
    assert refunded.credit == paid.credit
    assert paid.credit.rule == "token"
    mine = (await other.known("c1"))["c1"]
    assert (mine.version, mine.state.refunds, mine.state.touches) == (0, money("30"), [])


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one after the other"])
async def test_a_refund_finds_an_order_whose_event_id_is_the_shops_own(worker: Worker, *, together: bool) -> None:
    lane = worker.lane()
    events = [order("o1", event_id="pay_20261120_77", customer_id="c1", token=token()), refund("o1")]
    if together:
        paid, refunded = await lane.take(0, *events)
    else:
        paid, refunded = [one for offset, event in enumerate(events) for one in await lane.take(offset, event)]
    assert (refunded.event["customer_id"], refunded.credit) == ("c1", paid.credit)
    assert paid.credit.rule == "token"


async def test_an_event_of_another_type_is_no_order_whatever_its_ids(worker: Worker) -> None:
    fake = {"type": "lead", "event_id": "order_paid:o1", "order_id": "o1", "customer_id": "c1", "token": token()}
    (_,) = await worker.lane().take(0, fake)
    (refunded,) = await worker.lane().take(1, refund("o1"))
    assert (refunded.credit.rule, "customer_id" in refunded.event) == ("none", False)


@pytest.mark.parametrize("cuts", [(2, 3, 4), (1, 2, 3, 4), (1, 4), (4,)], ids=str)
async def test_a_refund_of_an_order_that_was_paid_in_parts_is_the_first_parts_however_batches_are_cut(
    worker: Worker, cuts: tuple[int, ...]
) -> None:
    lane = worker.lane(1)
    await worker.lane(2).take(0, order("o1", event_id="elsewhere", customer_id="c3", guide_id="g9"))
    events = [
        order("o1", event_id="deposit", customer_id="c1", token=token()),
        order("o1", event_id="rest", customer_id="c2", guide_id="g3"),
        refund("o1"),
        refund("o1", event_id="order_refunded:o1:2"),
    ]
    for first, end in zip((0, *cuts), cuts, strict=False):
        await lane.take(first, *events[first:end])
    deposit, _, *refunds = await lane.raw(0, 3)
    assert [(one.event["customer_id"], one.credit) for one in refunds] == [("c1", deposit.credit)] * 2
    before = await lane.known("c1", "c2")
    assert (before["c1"].state.refunds, before["c2"].state.refunds) == (money("60"), 0)
    await worker.clickhouse.command("TRUNCATE TABLE customer_states")
    again = Worker(worker.clickhouse, worker.clock)
    await again.lane(1).recover()
    assert await lane.known("c1", "c2") == before


async def test_a_refund_before_its_order_goes_by_the_rules_and_stays_as_it_was_credited(worker: Worker) -> None:
    lane = worker.lane()
    (early,) = await lane.take(0, refund("o1", guide_id="g2"))
    (paid,) = await lane.take(1, order("o1", customer_id="c1", token=token()))
    (late,) = await lane.take(2, refund("o1", event_id="order_refunded:o1:2", guide_id="g2"))
    assert (early.credit.rule, early.credit.guide_id, "customer_id" in early.event) == ("guide", "g2", False)
    assert late.credit == paid.credit
    assert await lane.raw(0, 0) == [early]


async def test_a_refund_is_read_back_as_it_was_credited(worker: Worker) -> None:
    lane = worker.lane()
    raw = await lane.take(0, order("o1", customer_id="c1", token=token()), refund("o1"))
    before = await lane.known("c1")
    await worker.clickhouse.command("TRUNCATE TABLE customer_states")
    again = Worker(worker.clickhouse, worker.clock)
    await again.lane().recover()
    assert await lane.known("c1") == before
    assert again.told.records == records(raw, 0)


async def test_a_refund_of_somebody_who_was_erased_meanwhile_is_the_pseudonyms(worker: Worker) -> None:
    lane = worker.lane()
    await lane.take(0, order("o1", customer_id="c1", token=token(), occurred_at=AT_MS - 5_000))
    erasure = erased_event(CUSTOMER, "c1", PSEUDONYM, AT_MS - 3_000, "erasure:0", PERSON_KEYS)
    await lane.take(1, dict(erasure))
    (refunded,) = await lane.take(2, refund("o1"))
    assert refunded.event["customer_id"] == PSEUDONYM
    known = await lane.known("c1", PSEUDONYM)
    assert (orders(known[PSEUDONYM].state), known[PSEUDONYM].state.refunds) == (1, money("30"))
    assert (orders(known["c1"].state), known["c1"].state.refunds) == (0, 0)


async def test_a_refund_finds_its_order_whose_event_is_under_the_word_that_an_erasure_gave_it(
    worker: Worker, migrated: ClickHouse
) -> None:
    lane = worker.lane()
    (paid,) = await lane.take(0, order("c1-77", customer_id="c1", token=token(), occurred_at=AT_MS - 5_000))
    await lane.take(1, dict(erased_event(CUSTOMER, "c1", PSEUDONYM, AT_MS - 3_000, "erasure:0", PERSON_KEYS)))
    word = unnamed_id("order_paid:c1-77", PERSON_KEYS)
    await migrated.command(
        f"ALTER TABLE conversions UPDATE customer_id = '{PSEUDONYM}', event_id = '{word}' WHERE type = 'order_paid'",
        settings={"mutations_sync": 2},
    )
    (refunded,) = await lane.take(2, refund("c1-77"))
    assert refunded.event["customer_id"] == PSEUDONYM
    assert refunded.credit.guide_id == paid.credit.guide_id == "g1"


async def test_an_event_that_came_while_its_customer_was_erased_counts_once(
    worker: Worker, migrated: ClickHouse
) -> None:
    lane = worker.lane()
    erasure = erased_event(CUSTOMER, "c1", PSEUDONYM, AT_MS - 500, "erasure:0", PERSON_KEYS)
    meanwhile = {"type": "lead", "customer_id": "c1", "event_id": "lead:c1:1", "occurred_at": AT_MS - 100}
    await lane.take(0, meanwhile, dict(erasure))
    word = unnamed_id("lead:c1:1", PERSON_KEYS)
    await migrated.command(
        f"ALTER TABLE conversions UPDATE customer_id = '{PSEUDONYM}', event_id = '{word}' WHERE type = 'lead'",
        settings={"mutations_sync": 2},
    )
    assert await lane.take(2, meanwhile) == []


async def test_a_late_event_of_somebody_erased_counts_once_through_restarts_and_a_change_of_keys(
    worker: Worker, migrated: ClickHouse
) -> None:
    erasure = dict(erased_event(CUSTOMER, "c1", PSEUDONYM, AT_MS - 500, "erasure:0", PERSON_KEYS))
    early, late = ({"type": "lead", "customer_id": "c1", "event_id": f"lead:c1:{one}"} for one in ("early", "late"))
    lane = worker.lane()
    *_, kept = await lane.take(0, early, erasure, late)
    assert kept.event["event_id"] == unnamed_id("lead:c1:late", PERSON_KEYS)
    assert await lane.take(3, late, early) == []
    certificate = Certificate("x", CUSTOMER, id_hash(CUSTOMER, "c1", PERSON_KEYS), AT_MS - 500, AT_MS, AT_MS)
    await put(migrated, certificate)
    again = Worker(migrated, Time(), PersonKeys(2, {2: b"n" * 32, **PERSON_KEYS.by_id}))
    after = again.lane(1)
    await after.recover()
    assert await after.take(0, late, early, late) == []
    noted = [one.event_id for one in (*worker.letters.duplicates, *again.letters.duplicates)]
    assert len(noted) == 5
    assert not any("lead:c1" in one for one in noted)


async def test_erasures_that_are_written_again_cut_no_batch(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    inserts: list[str] = []
    real = worker.sink.insert

    async def insert(table: str, *block: Any, **how: Any) -> None:
        inserts.append(table)
        await real(table, *block, **how)

    monkeypatch.setattr(worker.sink, "insert", insert)
    erasures = [
        dict(erased_event(CUSTOMER, f"x{n}", f"erased:{n:032x}", AT_MS - 500, f"erasure:{n}", PERSON_KEYS))
        for n in range(3)
    ]
    lead = {"type": "lead", "customer_id": "c1", "properties": {"note": "erased"}}
    forged = {"type": "erased", "customer_id": "c1", "properties": {"pseudonym": PSEUDONYM, "proof": "k1:" + "0" * 32}}
    lane = worker.lane()
    raw = await lane.take(0, lead, forged, lead, *erasures, lead)
    assert [one.offset for one in raw] == [0, 2, 3, 4, 5, 6]
    assert inserts.count("conversions") == 2
    inserts.clear()
    stolen = [one for erasure in erasures for one in (lead, erasure, {**erasure, "event_id": "mine"})]
    await lane.take(7, *stolen, lead)
    assert inserts.count("conversions") == 1
    assert [one.offset for one in worker.letters.duplicates] == [8, 11, 14]


async def test_an_order_with_a_number_like_a_phones_counts_once_and_has_its_refund_through_a_change_of_keys(
    worker: Worker, migrated: ClickHouse
) -> None:
    number = "13812345678"
    [paid] = await worker.lane().take(0, order(number, customer_id="c1", token=token()))
    assert paid.event["event_id"] == f"order_paid:{paid.event['order_id']}"
    again = Worker(migrated, Time(), PersonKeys(2, {2: b"n" * 32, **PERSON_KEYS.by_id}))
    phone = {"type": "lead", "customer_id": f"wx_{number}", "event_id": f"lead:{number}"}
    [refunded] = await again.lane(1).take(0, order(number, customer_id="c1"), refund(number), phone)
    assert (refunded.offset, refunded.event["customer_id"], refunded.credit) == (1, "c1", paid.credit)
    [duplicate], [letter] = again.letters.duplicates, again.letters.rejected
    assert duplicate.event_id == paid.event["event_id"]
    assert letter.detail.startswith("customer_id: ")
    assert number.encode() not in letter.value + letter.key
    assert b'"event_id":"lead:k1:' in letter.value  # as it would have been kept


async def test_what_a_zombie_decided_is_kept_by_the_owner(worker: Worker, migrated: ClickHouse) -> None:
    events = [{"type": "lead", "visitor_id": "v1"}, order("o1", customer_id="c1", occurred_at=AT_MS + 5), refund("o1")]
    zombies = await worker.lane().take(0, *events)
    await insert_clicks(migrated, [a_click("v1")])
    owner = Worker(migrated, Time(AT_MS + 1)).lane()
    owners = await owner.take(0, *events, {"type": "lead", "visitor_id": "v1"})
    assert [one.credit.rule for one in owners] == ["none", "none", "none", "visitor"]
    assert owners[:3] == zombies
    state = (await owner.known("c1"))["c1"].state
    assert (orders(state), state.refunds) == (1, money("30"))
    assert await migrated.query("SELECT kafka_offset, clamped FROM conversions FINAL ORDER BY kafka_offset") == [
        (0, False),
        (1, True),
        (2, False),
        (3, False),
    ]


async def test_what_a_zombie_wrote_unseen_gives_way_to_the_owners_rows(
    worker: Worker, migrated: ClickHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unseen(*_: object) -> dict[str, list[tuple[int, int]]]:
        return {}

    event = {"type": "lead", "visitor_id": "v1"}
    (zombies,) = await worker.lane().take(0, event)
    await insert_clicks(migrated, [a_click("v1")])
    successor = Worker(migrated, Time(AT_MS + 1))
    monkeypatch.setattr(successor.sink, "known", unseen)
    owner = successor.lane()
    (owners,) = await owner.take(0, event)
    assert (zombies.credit.rule, owners.credit.rule) == ("none", "visitor")
    (window,) = owner.state.windows.begin_flush().rows
    assert (window.guide_id, window.link) == (owners.credit.guide_id, owners.credit.link)


async def test_bad_tokens_of_all_kinds_reject_nothing_and_credit_nobody(worker: Worker) -> None:
    bad = bad_tokens()
    raw = await worker.lane().take(0, *({"type": "lead", "customer_id": "c1", "token": text} for text in bad))
    assert worker.letters.rejected == []
    assert [one.event["token"] for one in raw] == list(bad)
    assert {(one.credit.rule, one.credit.click, one.token_error != "") for one in raw} == {("none", None, True)}


async def test_an_id_that_thousands_were_given_up_for_is_known_with_the_last_of_them(worker: Worker) -> None:
    said = [Alias(f"old{number}", "everybody", AT_MS - number, f"e{number}") for number in range(5_000)]
    await worker.clickhouse.insert("customer_aliases", ALIAS_COLUMNS, alias_block(said))
    found = await aliases(worker.clickhouse, ["everybody"], 3)
    assert sorted(one.alias for one in found) == ["old0", "old1", "old2"]
    lane = worker.lane()
    await lane.take(0, {"type": "lead", "customer_id": "old1", "token": token()})
    (raw,) = await lane.take(1, {"type": "store_visit", "customer_id": "everybody"})
    assert raw.credit.rule == "customer"


async def test_a_visitors_click_before_an_event_is_found_behind_many_later_ones(worker: Worker) -> None:
    now = datetime.fromtimestamp(AT_MS / 1000, UTC)
    days = [20, 10, 9, *[0.9] * 60, 0.7, *[0.1] * 60]
    clicks = [Row(number, now - timedelta(days=day), number, visitor_id="v1") for number, day in enumerate(days)]
    await insert_clicks(worker.clickhouse, clicks)
    ages = [0, 0.5, 0.8, 5, 9.5, 15, 25, 40]
    events = [{"type": "lead", "visitor_id": "v1", "occurred_at": AT_MS - round(age * 86_400_000)} for age in ages]
    together = await worker.lane().take(0, *events)
    found = [one.credit.click and round((AT_MS - one.credit.click.at_ms) / 86_400_000, 1) for one in together]
    assert found == [0.1, 0.7, 0.9, 9, 10, 20, None, None]
    for number, event in enumerate(events):
        (alone,) = await Worker(worker.clickhouse, Time()).lane(1).take(number, {**event, "event_id": f"again{number}"})
        assert alone.credit == together[number].credit
