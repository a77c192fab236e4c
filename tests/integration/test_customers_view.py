"""The view `customers` merges rows of partitions and aliases as `stream.attribute.customer.merge` does."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.customers import ORDERS, CustomerState, encode_state, order_key
from stream.attribute.customer import GUIDES, apply, merge
from stream.base.settings import load
from stream.sink.clickhouse import ClickHouse
from stream.sink.customers import Alias, Known
from stream.sink.migrate import migrate
from tests.support.conversion_rows import CONTACT_MS, insert_aliases, insert_states
from tests.support.customer_events import HOUR_MS, customer, event
from tests.support.customer_oracle import Happened
from tests.support.customer_rows import CustomerRow, Relation, orders, summary
from tests.support.customer_strategies import MESSAGES, histories
from tests.support.events import AT_MS

PARTITIONS = 3
COLUMNS = (
    *("guide_id", "added_at", "deleted_at", "former_guide_id", "relations", "transfers"),
    *("first_added_at", "first_touch_at", "first_click_id", "first_guide_id", "first_link", "first_variant"),
    *("last_touch_at", "last_click_id", "last_guide_id", "last_link", "last_variant"),
    *("first_contact_at", "first_order_at", "first_order", "last_order_at"),
    *("orders", "payments", "revenue", "refunds", "margin"),
    *("tags", "consent", "consent_at", "last_active_at", "referred_by"),
    *("served_at", "dealt_at"),
)
"""What is compared; times as milliseconds, money in ten-thousandths."""

Parts = dict[tuple[str, int], CustomerState]


def split(people: Sequence[Sequence[tuple[Happened, str, int]]]) -> Parts:
    """States by (id, partition): every event of a person went under one of their ids into one of the partitions."""
    states: Parts = {}
    for person in people:
        for one, customer_id, partition in person:
            apply(states.setdefault((customer_id, partition), CustomerState()), one.event, one.time_ms, one.touch)
    return states


def expected(row: CustomerRow) -> dict[str, Any]:
    """What the merged state says, in the columns of the view."""
    friends = [one for one in row.relations if one.added_at and (one.ended_at is None or one.added_at > one.ended_at)]
    friend = max(friends, key=lambda one: (one.added_at, one.guide_id), default=None)
    ended = [one for one in row.relations if one.ended_at and friend is None]
    former = max(ended, key=lambda one: (one.ended_at, one.guide_id), default=Relation("", None, None, ""))
    served = max(row.first_added_at, row.first_contact_at) if row.first_added_at and row.first_contact_at else None
    return row._asdict() | {
        "guide_id": friend.guide_id if friend else "",
        "added_at": (friend or former).added_at,
        "deleted_at": former.ended_at,
        "former_guide_id": former.guide_id,
        "relations": [tuple(one) for one in row.relations],
        "transfers": sum(one.ended_by == "transfer" for one in row.relations),
        "tags": [one.tag for one in row.tags if one.is_set],
        "served_at": served,
        "dealt_at": max(served, row.first_order_at) if served and row.first_order_at else None,
    }


async def shown(clickhouse: ClickHouse) -> dict[str, Mapping[str, Any]]:
    """The view's rows by customer, with times and money as the state has them."""
    columns = {
        name: f"toUnixTimestamp64Milli({name})"
        if name.endswith("_at")
        else f"toInt128({name} * 10000)"
        if name in ("revenue", "refunds", "margin")
        else "arrayMap(r -> (r.1, toUnixTimestamp64Milli(r.2), toUnixTimestamp64Milli(r.3), r.4), relations)"
        if name == "relations"
        else name
        for name in COLUMNS
    }
    rows = await clickhouse.query(f"SELECT customer_id, {', '.join(columns.values())} FROM customers")
    return {name: dict(zip(COLUMNS, values, strict=True)) for name, *values in rows}


@st.composite
def populations(draw: st.DrawFn) -> tuple[list[str], list[list[tuple[Happened, str, int]]]]:
    """Some people, each with up to three ids; and their events, each under an id and in a partition."""
    ids, people = [], []
    for number in range(draw(st.integers(1, 6))):
        own = [f"客户{number}-{letter}" for letter in "abc"[: draw(st.integers(1, 3))]]
        history = draw(histories(most=8, types=draw(st.sampled_from([None, MESSAGES]))))
        placed = st.tuples(st.sampled_from(own), st.integers(0, PARTITIONS - 1))
        ids.append(own)
        people.append([(one, *draw(placed)) for one in history])
    return [each for own in ids for each in own], people


@given(population=populations())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_customers_are_merged_as_states_are(
    migrated: ClickHouse, population: tuple[list[str], list[list[tuple[Happened, str, int]]]]
) -> None:
    for table in ("customer_states", "customer_aliases"):
        await migrated.command(f"TRUNCATE TABLE {table}")
    ids, people = population
    # Each further id is another name of the one before it: chains of up to two steps, which end at `a`.
    said = [Alias(one, f"{one[:-1]}{chr(ord(one[-1]) - 1)}", 1, "e") for one in ids if not one.endswith("a")]
    parts = split(people)
    await insert_aliases(migrated, said)
    await insert_states(migrated, [Known(*key, 7, encode_state(state)) for key, state in parts.items()])
    by_person: dict[str, list[CustomerState]] = {}
    for (customer_id, _), state in parts.items():
        by_person.setdefault(f"{customer_id[:-1]}a", []).append(state)
    found = await shown(migrated)
    assert found.keys() == by_person.keys()
    for person, states in by_person.items():
        want = expected(summary(merge(states), CONTACT_MS))
        assert found[person] == {name: want[name] for name in COLUMNS}, person


@given(data=st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_row_says_what_its_state_says(migrated: ClickHouse, data: st.DataObject) -> None:
    await migrated.command("TRUNCATE TABLE customer_states")
    stories = data.draw(st.lists(histories(most=30), min_size=1, max_size=8))
    states = [split([[(one, "c", 0) for one in story]]).get(("c", 0), CustomerState()) for story in stories]
    await compare_rows(migrated, states)


async def test_what_is_rare_in_a_state_is_read_out_of_its_row_as_well(migrated: ClickHouse) -> None:
    paid = event("order_paid", amount="999999999999.9999", margin="-999999999999.9999")
    guides = [(event("friend_added", guide_id=f"g{n}"), n) for n in range(GUIDES)]
    ends = [(event("friend_deleted", guide_id=f"e{n}"), n) for n in range(10, GUIDES + 10)]
    words = event("tagged", properties={"tag": '它\'s \\ "高"'}, customer_id="c'1")
    stories = [[], [(paid, 1)] * 1001, [*guides, *ends], [*guides[:9], *ends[1:]], [(words, 1)]]
    await compare_rows(migrated, [customer(*story) for story in stories])


async def compare_rows(clickhouse: ClickHouse, states: Sequence[CustomerState]) -> None:
    """The view `customer_rows` has the columns of a `CustomerRow`, and in them what these states say."""
    await insert_states(
        clickhouse, [Known(f"客户{number}", 2, number, encode_state(state)) for number, state in enumerate(states)]
    )
    asked = {
        name: f"arrayMap(r -> tuple({_TUPLES[name]}), {name})"
        if name in _TUPLES
        else f"arrayMap(at -> toUnixTimestamp64Milli(at), {name})"
        if name.startswith("messages_")
        else f"toInt128({name} * 10000)"
        if name in MONEY
        else f"toUnixTimestamp64Milli({name})"
        if name.endswith("_at")
        else name
        for name in CustomerRow._fields
        if name != "first_contact_at"
    }
    described = await clickhouse.query(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'customer_rows'"
    )
    assert {name for (name,) in described} == {"customer_id", "kafka_partition", "version", *asked}
    rows = await clickhouse.query(f"SELECT version, customer_id, {', '.join(asked.values())} FROM customer_rows")
    assert len(rows) == len(states)
    for number, customer_id, *values in rows:
        want = summary(states[number], CONTACT_MS)._asdict()
        found = {name: _plain(value) for name, value in zip(asked, values, strict=True)}
        assert (customer_id, found) == (f"客户{number}", {name: want[name] for name in asked})


MONEY = ("revenue", "refunds", "margin")
_TUPLES = {
    "relations": "r.1, toUnixTimestamp64Milli(r.2), toUnixTimestamp64Milli(r.3), r.4",
    "tags": "r.1, toUnixTimestamp64Milli(r.2), r.3",
    "paid_orders": "r.1, r.2",
}


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


async def test_very_many_orders_of_several_rows_are_counted_as_states_count_them(migrated: ClickHouse) -> None:
    stories = [range(ORDERS - 20), range(ORDERS - 40, ORDERS + 90), [*range(30), *range(ORDERS + 80, ORDERS + 100)]]
    parts = [customer(*((event("order_paid", order_id=f"o{n}"), n) for n in story)) for story in stories]
    await insert_states(migrated, [Known("c1", number, 7, encode_state(state)) for number, state in enumerate(parts)])
    whole = merge(parts)
    assert ORDERS + 100 < orders(whole) < whole.payments
    assert await migrated.query("SELECT orders, payments, first_order FROM customers") == [
        (orders(whole), whole.payments, order_key("o0"))
    ]


async def test_another_number_of_hours_makes_other_contacts_of_all_customers_at_once(
    migrated: ClickHouse, environ: dict[str, str]
) -> None:
    apart = {"near": 30, "far": 60, "split": 60}
    for name, hours in apart.items():
        asked, answered = (event("message_in"), 0), (event("message_out"), hours)
        stories = [[asked], [answered]] if name == "split" else [[asked, answered]]
        parts = [Known(name, number, 7, encode_state(customer(*story))) for number, story in enumerate(stories)]
        await insert_states(migrated, parts)
    for hours in (72, 24, 48):
        environ["GUIDESTREAM_ATTRIBUTION_CONTACT_HOURS"] = str(hours)
        await migrate(migrated, load(environ))
        found = await migrated.query("SELECT customer_id, toUnixTimestamp64Milli(first_contact_at) FROM customers")
        assert dict(found) == {
            name: AT_MS + distance * HOUR_MS if distance <= hours else None for name, distance in apart.items()
        }, hours


async def test_statements_about_ids_that_contradict_each_other_still_end_at_one_id(migrated: ClickHouse) -> None:
    said = [
        *(Alias("a", "b", 1, ""), Alias("b", "c", 2, ""), Alias("c", "a", 3, "")),  # a circle
        *(Alias("d", "c", 4, ""), Alias("e", "d", 5, "")),  # that others lead to
        *(Alias("x", "old", 6, ""), Alias("x", "new", 7, ""), Alias("x", "other", 7, "!")),  # the last of them is right
    ]
    for one in (said[::2], said[1::2]):
        await insert_aliases(migrated, one)
    assert dict(await migrated.query("SELECT alias, customer_id FROM customer_ids")) == {
        **dict.fromkeys("bcde", "a"),
        "x": "other",
    }


async def test_a_chain_of_ids_is_followed_for_sixteen_steps(migrated: ClickHouse) -> None:
    await insert_aliases(migrated, [Alias(f"{step:02}", f"{step + 1:02}", 1, "") for step in range(40)])
    found = dict(await migrated.query("SELECT alias, customer_id FROM customer_ids"))
    assert (len(found), found["00"], found["24"], found["39"]) == (40, "16", "40", "40")
