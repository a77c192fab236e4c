from dataclasses import replace
from typing import Any

from schemas.registry import Owner
from stream.edge.plan import FOREVER, Plan, Plans
from tests.support.edge import NOW_MS, planned
from tests.support.registry import guide, link, owned, store


def facts(made: Plan) -> dict[str, Any]:
    """What the link alone decides of a click."""
    return {name: value for name, value in made.click.items() if value and name != "v"}


def test_the_facts_are_those_of_the_guide_who_owns_the_link_now() -> None:
    made = planned(
        owned("g1", campaign_id="c1", touchpoint="wecom_chat", utm=(("utm_source", "wecom"),)),
    )
    assert made.key == b"g1"
    assert facts(made) == {
        "link": "a8Xk2Pq",
        "kind": "web",
        "guide": "g1",
        "store": "s1",
        "region": "east",
        "campaign": "c1",
        "touchpoint": "wecom_chat",
        "utm_source": "wecom",
    }


def test_a_link_of_no_guide_is_keyed_by_its_code() -> None:
    made = planned(link())
    assert made.key == b"a8Xk2Pq"
    assert facts(made) == {"link": "a8Xk2Pq", "kind": "web"}


def test_a_guide_or_store_that_the_registry_lacks_leaves_the_rest() -> None:
    assert facts(planned(owned("gone"))) == {"link": "a8Xk2Pq", "kind": "web", "guide": "gone"}
    assert facts(planned(owned("g2"), guide("g2", "elsewhere"))) == {
        "link": "a8Xk2Pq",
        "kind": "web",
        "guide": "g2",
        "store": "elsewhere",
    }


def test_a_plan_is_good_until_the_link_changes_hands() -> None:
    owners = (Owner("g1", NOW_MS - 10), Owner("g2", NOW_MS + 10))
    made = planned(link(owners=owners), guide("g2", "s2"), store("s2"))
    assert (made.since_ms, made.until_ms, made.key) == (NOW_MS - 10, NOW_MS + 10, b"g1")
    later = planned(link(owners=owners), now_ms=NOW_MS + 10)
    assert (later.since_ms, later.until_ms, later.key) == (NOW_MS + 10, FOREVER, b"g2")
    before = planned(link(owners=owners), now_ms=NOW_MS - 11)
    assert (before.until_ms, before.key) == (NOW_MS - 10, b"a8Xk2Pq")


def test_plans_are_found_while_they_are_good() -> None:
    plans = Plans(size=10)
    plans.put(planned(link(owners=(Owner("g1", NOW_MS), Owner("", NOW_MS + 10)))))
    assert plans.get("a8Xk2Pq", NOW_MS) is not None
    assert plans.get("a8Xk2Pq", NOW_MS - 1) is None
    assert plans.get("a8Xk2Pq", NOW_MS + 10) is None
    assert plans.get("other", NOW_MS) is None
    plans.clear()
    assert plans.get("a8Xk2Pq", NOW_MS) is None


def test_plans_are_bounded_and_keep_what_is_asked_for() -> None:
    plans, made = Plans(size=10), planned(link())
    for number in range(1000):
        plans.put(replace(made, link=link(f"c{number}")))
        assert plans.get("c0", NOW_MS) is not None
    kept = [number for number in range(1000) if plans.get(f"c{number}", NOW_MS) is not None]
    assert len(kept) <= 20
