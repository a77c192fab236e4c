"""Funnel, rates and cohorts against a recount of generated events in Python, round the brand's midnight.

In a zone without summer time, and in one on the day of 25 hours.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.customers import order_key
from stream.sink.clickhouse import ClickHouse
from tests.support.click_rows import NOON, Row, insert_clicks, insert_rows, insert_windows, windows_of
from tests.support.conversion_rows import CONTACT_MS, Event, envelope, insert_conversions, tell
from tests.support.customer_oracle import Happened, recount

MIDNIGHTS = {
    "Asia/Shanghai": datetime(2026, 11, 20, 16, tzinfo=UTC),
    "America/New_York": datetime(2026, 11, 1, 4, tzinfo=UTC),  # clocks are put back two hours later
}
GUIDES = {"g1": ("s1", "r1"), "g2": ("s2", "r2"), "g3": ("s3", "r1"), "": ("", "")}
TYPES = (
    *("friend_added", "friend_added", "friend_deleted", "message_in", "message_in", "message_out", "message_out"),
    *("order_paid", "order_paid", "order_refunded", "lead", "page_view", "store_visit", "shared", "referred"),
    *("friend_requested", "satisfaction", "group_post"),
)
ALIASES = {"丙2": "丙", "丙3": "丙2", "丁2": "丁"}
CUSTOMERS = ("甲", "乙", "丙", "丁", "戊", "己", *ALIASES)
STRANGERS = tuple(f"客户{number}" for number in range(60))
"""Of whom so little is heard that most get no further than one stage."""
OWN = frozenset(
    {"friend_requested", "friend_added", "message_in", "group_joined", "lead", "page_view"}
    | {"store_visit", "order_paid", "shared", "referred", "satisfaction"}
)
CONTACTS = ("friend_added", "message_in", "message_out")
BY_WHO_ACTED = ("adds", "deletes", "chatting", "interacting")
"""Of a guide's relations and chats; everything else is of what brought it about, by credit."""
HORIZONS = (0, 1, 7, 30)

Key = tuple[Any, ...]
Sets = dict[Key, dict[str, set[Any]]]


@pytest.fixture(params=list(MIDNIGHTS))
def zone(request: pytest.FixtureRequest, environ: dict[str, str]) -> str:
    """The brand's time zone; to be named before the database, which is made for it."""
    environ["GUIDESTREAM_BRAND_TIMEZONE"] = request.param
    return str(request.param)


class Shop:
    """What happened, and a naive reading of it."""

    def __init__(self, clickhouse: ClickHouse, zone: str, taps: list[Row], events: list[Event]) -> None:
        self.clickhouse = clickhouse
        self.zone = ZoneInfo(zone)
        self.taps = taps
        self.events = [replace(event, customer_id=kept(event.customer_id)) for event in events]
        histories: dict[str, list[Happened]] = defaultdict(list)
        for event in self.events:
            histories[event.customer_id].append(Happened(envelope(event), event.time_ms))
        self.known = {one: recount(history, CONTACT_MS) for one, history in histories.items() if one}

    def day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()

    def stages(self, event: Event) -> Iterator[str]:
        """What the event made of its customer."""
        known = self.known.get(event.customer_id)
        if not known or not known["first_added_at"]:
            return
        added, contact, ordered = (known[f"first_{name}_at"] for name in ("added", "contact", "order"))
        if event.type == "friend_added" and event.time_ms == added:
            yield "first_added"
        if not contact:
            return
        served = max(added, contact)
        if event.time_ms == served and event.type in CONTACTS:
            yield "served"
        if ordered and event.time_ms == max(served, ordered) and event.type in (*CONTACTS, "order_paid"):
            yield "dealt"

    def reached(self, customer: str, until: date, *stages: str) -> bool:
        """Whether each of these first happened to the customer on that day or before it."""
        moments = [self.known[customer][f"first_{stage}_at"] for stage in stages]
        return all(moment and self.day(datetime.fromtimestamp(moment / 1000, UTC)) <= until for moment in moments)

    async def rows(self, sql: str) -> dict[Key, Key]:
        """Answer of a question, the columns before the last `|` as the key."""
        keys, _, values = sql.partition("|")
        places = keys.count(",") + 1
        return {row[:places]: row[places:] for row in await self.clickhouse.query(f"{keys}, {values}")}


def kept(customer: str) -> str:
    while customer in ALIASES:
        customer = ALIASES[customer]
    return customer


def dimensions(of: Row | Event, *, acting: bool = False) -> list[tuple[str, str]]:
    """What a tap is counted under; of an event what is credited, or that but with the guide who acted."""
    if isinstance(of, Row):
        guide, link, variant = of.guide_id, of.link, of.variant
    else:
        guide, link, variant = of.credited_guide_id, of.credited_link, of.credited_variant
        guide = of.acting_guide_id if acting else guide
    found = [("all", ""), ("link", link), ("guide", guide), ("store", GUIDES[guide][0]), ("region", GUIDES[guide][1])]
    found += [("campaign", of.campaign_id), ("touchpoint", of.touchpoint)]
    return [*found, ("variant", f"{link}/{variant}")] if variant else found


def person(event: Event) -> str:
    return event.customer_id or event.visitor_id or event.token


def generated_taps(rng: random.Random, midnight: datetime) -> list[Row]:
    rows = []
    for offset in range(150):
        link, guide, variant = somewhere(rng)
        apart = timedelta(hours=rng.choice([-25, -1, 0, 1, 2, 24, 25]), milliseconds=rng.choice([-1, 0, 1]))
        rows.append(
            Row(
                offset // 3,
                midnight + apart,
                offset % 3,
                link,
                guide,
                *GUIDES[guide],
                *campaign_of(link),
                variant,
                f"v{rng.randrange(40)}",
                is_human=rng.random() < 0.8,
            )
        )
    return rows


def generated_events(rng: random.Random, midnight: datetime) -> list[Event]:
    events = [
        Event(number, "alias", midnight, ALIASES[alias], number % 3, properties={"alias": alias})
        for number, alias in enumerate(ALIASES)
    ]
    for offset in range(3, 500):
        kind = rng.choice(TYPES)
        link, guide, variant = somewhere(rng)
        at = midnight + timedelta(hours=rng.choice([-49, -24, -1, 0, 0, 1, 2, 24, 25, 200]))
        at += timedelta(milliseconds=rng.choice([-1, 0, 1, 59_999]))
        nobody = kind in ("lead", "shared", "page_view") and rng.random() < 0.5
        properties = {"referred_by": rng.choice(CUSTOMERS)} if kind == "referred" else {}
        money = kind.startswith("order_")
        clicked = link != "" and rng.random() < 0.7
        events.append(
            Event(
                offset,
                kind,
                at,
                "" if nobody else rng.choice(CUSTOMERS if rng.random() < 0.6 else STRANGERS),
                rng.randrange(3),
                visitor_id=f"v{rng.randrange(40)}" if nobody else "",
                acting_guide_id=rng.choice(["g1", "g2"]),
                credited_guide_id=guide,
                credited_link=link,
                credited_variant=variant,
                store_id=GUIDES[guide][0],
                region_id=GUIDES[guide][1],
                campaign_id=campaign_of(link)[0],
                touchpoint=campaign_of(link)[1],
                click_time=at - timedelta(hours=rng.choice([0, 0, 1, 24, 24 * 7])) if clicked else None,
                order_id=f"o{rng.randrange(8)}" if money else "",
                amount=str(Decimal(rng.randrange(1, 99_999)) / 100) if money else "0",
                margin=str(Decimal(rng.randrange(-999, 9_999)) / 100) if money else "0",
                properties=properties,
            )
        )
    return events


def somewhere(rng: random.Random) -> tuple[str, str, str]:
    guide = rng.choice(list(GUIDES))
    link = rng.choice([f"{guide}-0", f"{guide}-1", ""]) if guide else rng.choice(["brand-1", ""])
    return link, guide, rng.choice(["a", "b"]) if link == "g1-0" else ""


def campaign_of(link: str) -> tuple[str, str]:
    return ("双十一", "moments") if link.endswith("1") else ("", "wecom_chat" if link else "")


@pytest.fixture
async def shop(zone: str, migrated: ClickHouse) -> Shop:
    """Generated taps and events, their windows in two versions, and rows that a zombie wrote."""
    rng = random.Random(11)
    midnight = MIDNIGHTS[zone]
    taps, events = generated_taps(rng, midnight), generated_events(rng, midnight)
    await insert_clicks(migrated, taps)
    await insert_windows(migrated, windows_of(taps))
    # The owner of the partition took them in after the zombie, who gave another credit.
    early = NOON - timedelta(hours=1)
    await insert_conversions(
        migrated, [replace(event, credited_link="zombie", received_at=early) for event in events[:100]]
    )
    await tell(migrated, events)
    places = set(GUIDES.values())
    await insert_rows(migrated, "guides", [{"guide_id": guide, "store_id": GUIDES[guide][0]} for guide in GUIDES])
    await insert_rows(migrated, "stores", [{"store_id": store, "region_id": region} for store, region in places])
    return Shop(migrated, zone, taps, events)


async def test_every_number_of_every_dimension_is_a_recount(shop: Shop) -> None:
    await _funnel(shop)
    await _rates(shop)
    await _click_cohorts(shop)
    await _add_cohorts(shop)


async def _funnel(shop: Shop) -> None:
    def hour(at: datetime) -> datetime:
        return at.replace(minute=0, second=0, microsecond=0)  # both zones are whole hours from UTC

    grains: dict[str, tuple[str, Callable[[datetime], Any]]] = {
        "minute": ("toInt64(toUnixTimestamp(minute))", lambda at: int(at.timestamp()) // 60 * 60),
        "hour": ("toInt64(toUnixTimestamp(hour))", lambda at: int(hour(at).timestamp())),
        "day": ("day", shop.day),
    }
    for grain, (column, of) in grains.items():
        counts: dict[Key, Counter[str]] = defaultdict(Counter)
        for tap in shop.taps:
            counts[of(tap.event_time), tap.link, tap.guide_id].update(clicks=1, human=tap.is_human)
        for event in shop.events:
            key = of(event.occurred_at), event.credited_link, event.credited_guide_id
            sign = {"order_paid": 1, "order_refunded": -1}.get(event.type, 0)
            counts[key].update({event.type: 1})
            cents = {name: sign * round(Decimal(getattr(event, name)) * 100) for name in ("amount", "margin")}
            counts[key].update(cents)
        found = await shop.rows(
            f"SELECT {column}, link, toString(guide_id) | sum(clicks), sum(human_clicks), sum(adds), sum(orders), "
            "sum(refunds), sum(leads), sum(messages_in), toInt64(sum(net_revenue) * 100), toInt64(sum(margin) * 100) "
            f"FROM bi_funnel_{grain} GROUP BY 1, 2, 3"
        )
        names = ("clicks", "human", "friend_added", "order_paid", "order_refunded", "lead", "message_in")
        assert found == {
            key: tuple(count[name] for name in (*names, "amount", "margin")) for key, count in counts.items()
        }, grain


async def _rates(shop: Shop) -> None:
    did: Sets = defaultdict(lambda: defaultdict(set))
    for tap in shop.taps:
        if tap.is_human:
            for dimension in dimensions(tap):
                did[shop.day(tap.event_time), *dimension]["visitors"].add(tap.visitor_id)
    for event in shop.events:
        for name, who in deeds(shop, event):
            for dimension in dimensions(event, acting=name in BY_WHO_ACTED):
                did[shop.day(event.occurred_at), *dimension][name].add(who)
    names = (
        *(
            "visitors",
            "added",
            "first_added",
            "served",
            "dealt",
            "adds",
            "deletes",
            "leads",
            "store_visitors",
            "buyers",
        ),
        *("repeat_buyers", "referrers", "sharers", "chatting", "interacting", "active"),
    )
    found = await shop.rows(f"SELECT day, toString(dimension), id | {', '.join(names)} FROM bi_rates_day")
    touched = {(shop.day(event.occurred_at), *dim) for event in shop.events for dim in dimensions(event)}
    assert found == {key: tuple(len(did[key][name]) for name in names) for key in touched | set(did)}
    for stage in ("first_added", "served", "dealt"):
        everyone = {who for key, sets in did.items() if key[1] == "all" for who in sets[stage]}
        assert len(everyone) > 2, stage


def deeds(shop: Shop, event: Event) -> Iterator[tuple[str, Any]]:
    """The sets that somebody belongs to because of an event."""
    customer, kind = event.customer_id, event.type
    for stage in shop.stages(event):
        yield stage, customer
    by_type: dict[str, list[tuple[str, Any]]] = {
        "friend_added": [("added", customer), ("adds", event.kafka_offset)],
        "friend_deleted": [("deletes", event.kafka_offset)],
        "lead": [("leads", person(event))],
        "store_visit": [("store_visitors", customer)],
        "order_paid": [("buyers", customer)],
        "shared": [("sharers", person(event))],
        "message_in": [("chatting", customer), ("interacting", customer)],
        "message_out": [("chatting", customer)],
    }
    yield from by_type.get(kind, [])
    known = shop.known.get(customer, {})
    another = kind == "order_paid" and order_key(event.order_id) != known["first_order"]
    if another and event.time_ms > known["first_order_at"]:
        yield "repeat_buyers", customer
    referrer = kept(event.properties.get("referred_by", ""))
    if kind == "referred":
        yield "referrers", referrer
    if kind in OWN and customer:
        yield "active", referrer or customer


async def _click_cohorts(shop: Shop) -> None:
    """Of the visitors of a day: customers added through these clicks; of them, the served; of those, the dealt."""
    did: Sets = defaultdict(lambda: defaultdict(set))
    money: dict[Key, Counter[str]] = defaultdict(Counter)
    for tap in (tap for tap in shop.taps if tap.is_human):
        for horizon, dimension in product(HORIZONS, dimensions(tap)):
            did[shop.day(tap.event_time), horizon, *dimension]["visitors"].add(tap.visitor_id)
    for event in shop.events:
        if event.click_time is None or event.type not in ("friend_added", "order_paid", "order_refunded"):
            continue
        day = shop.day(event.click_time)
        for horizon, dimension in product(HORIZONS, dimensions(event)):
            key = day, horizon, *dimension
            until = day + timedelta(days=horizon)
            happened = shop.day(event.occurred_at) <= until
            did[key][event.type] |= {event.customer_id} if happened else set()
            money[key][event.type] += round(Decimal(event.amount) * 100) if happened else 0
    for (day, horizon, *_), sets in did.items():
        until = day + timedelta(days=horizon)
        sets["served"] = {who for who in sets["friend_added"] if shop.reached(who, until, "added", "contact")}
        sets["dealt"] = {who for who in sets["served"] if shop.reached(who, until, "order")}
    names = ("visitors", "friend_added", "served", "dealt", "order_paid")
    found = await shop.rows(
        "SELECT day, horizon, toString(dimension), id | visitors, added, served, dealt, buyers, "
        "toInt64(order_amount * 100), toInt64(refund_amount * 100) FROM bi_cohort_clicks_day"
    )
    assert found == {
        key: (*(len(sets[name]) for name in names), money[key]["order_paid"], money[key]["order_refunded"])
        for key, sets in did.items()
    }


async def _add_cohorts(shop: Shop) -> None:
    cohorts: dict[Key, Counter[str]] = defaultdict(Counter)
    for customer in shop.known:
        own = [event for event in shop.events if event.customer_id == customer]
        adds = [event for event in own if "first_added" in set(shop.stages(event))]
        if not adds:
            continue
        first = min(adds, key=lambda event: (event.kafka_partition, event.kafka_offset))
        day = shop.day(first.occurred_at)
        stages = {stage: event for event in own for stage in shop.stages(event)}
        for horizon in HORIZONS:
            until = day + timedelta(days=horizon)
            count: Counter[str] = Counter(customers=1)
            for stage in ("served", "dealt"):
                count[stage] += stage in stages and shop.day(stages[stage].occurred_at) <= until
            count["buyers"] += shop.reached(customer, until, "order")
            count["deleted"] += any(
                event.type == "friend_deleted"
                and first.occurred_at <= event.occurred_at
                and shop.day(event.occurred_at) <= until
                for event in own
            )
            # Of an order that counts: the cohort's from its first payment on, and placed by then.
            placed: dict[str, date] = {}
            for event in sorted(own, key=lambda event: event.occurred_at):
                if event.type == "order_paid":
                    placed.setdefault(event.order_id, shop.day(event.occurred_at))
            for event in own:
                counts = event.order_id in placed and day <= placed[event.order_id] <= until
                if counts and shop.day(event.occurred_at) <= until:
                    count[event.type] += round(Decimal(event.amount) * 100)
            for dimension in dimensions(first):
                cohorts[day, horizon, *dimension].update(count)
    names = ("customers", "served", "dealt", "buyers", "deleted", "order_paid", "order_refunded")
    found = await shop.rows(
        "SELECT day, horizon, toString(dimension), id | customers, served, dealt, buyers, deleted, "
        "toInt64(order_amount * 100), toInt64(refund_amount * 100) FROM bi_cohort_adds_day"
    )
    assert found == {key: tuple(count[name] for name in names) for key, count in cohorts.items()}
