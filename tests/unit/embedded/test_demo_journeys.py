"""The journeys of the demo: good events, and a truth that they add up to."""

from collections import Counter
from decimal import Decimal
from random import Random

import pytest

from schemas.conversions import check_conversion
from stream.embedded.demo.brand import demo_brand
from stream.embedded.demo.journeys import ADD_RATE, DEAL_RATE, SERVE_RATE, Event, Journeys

NOW = 1_790_000_000_000
BRAND = demo_brand(1, NOW - 86_400_000)
TOKEN = "A" * 30


def played(people: int, *, run: str = "r1", taps: int = 1) -> tuple[Journeys, list[Event]]:
    journeys = Journeys(Random(1), BRAND.links, run, most_new=1e9)
    for number in range(people):
        for tap in range(taps):
            journeys.tapped(f"{number:024d}", number % 600, TOKEN, NOW + number + tap)
    events = journeys.take_due(journeys.last_ms(), most=1_000_000)
    assert not journeys.waiting
    return journeys, events


def test_every_event_is_one_that_the_contract_takes() -> None:
    journeys, events = played(800)
    journeys.begin(BRAND.guides, BRAND.campaigns, NOW)
    events += journeys.take_due(NOW + 60_000, most=10_000)
    for event in events:
        check_conversion(event, currency="CNY")
    assert {event["type"] for event in events} > {"page_view", "lead", "friend_added", "order_refunded", "cost"}


def test_what_is_true_is_what_the_events_say() -> None:
    journeys, events = played(3000)
    truth = journeys.truth
    distinct = {event["event_id"]: event for event in events}.values()
    kinds = Counter(event["type"] for event in distinct)
    paid = [Decimal(event["amount"]) for event in distinct if event["type"] == "order_paid"]
    buyers = {event["customer_id"] for event in distinct if event["type"] == "order_paid"}
    assert (truth.sent, truth.added, truth.orders) == (len(distinct), kinds["friend_added"], len(paid))
    assert (truth.revenue, truth.dealt, truth.deleted) == (sum(paid), len(buyers), kinds["friend_deleted"])
    assert len(events) > len(distinct)


def test_the_rates_are_the_ones_that_are_said() -> None:
    truth = played(20_000)[0].truth
    assert truth.visitors == 20_000
    assert truth.added / truth.visitors == pytest.approx(ADD_RATE, abs=0.01)
    assert truth.served / truth.added == pytest.approx(SERVE_RATE, abs=0.015)
    assert truth.dealt / truth.served == pytest.approx(DEAL_RATE, abs=0.02)


def test_who_taps_again_does_not_become_another_customer() -> None:
    once, again = played(200)[0].truth, played(200, taps=3)[0].truth
    assert once.visitors == again.visitors == 200


def test_the_same_seed_plays_the_same_and_another_run_has_ids_of_its_own() -> None:
    assert played(50)[1] == played(50)[1]
    ids = [{event["event_id"] for event in played(50, run=run)[1]} for run in ("r1", "r2")]
    assert ids[0].isdisjoint(ids[1])


def test_new_journeys_are_bounded_and_every_visitor_is_counted() -> None:
    journeys = Journeys(Random(1), BRAND.links, "r1", most_new=10)
    for number in range(5000):
        journeys.tapped(f"{number}", 0, TOKEN, NOW + number)
    assert journeys.truth.visitors == 5000
    assert 30 <= journeys.truth.added <= 60
