from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.registry import Variant
from stream.edge import rules
from tests.support.edge import NOW_MS, SHANGHAI
from tests.support.registry import link

UTC = ZoneInfo("UTC")


def at(clock: str, zone: ZoneInfo = SHANGHAI) -> int:
    return int(datetime.fromisoformat(f"2026-03-01T{clock}").replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({}, None),
        ({"disabled": True}, "disabled"),
        ({"valid_from_ms": NOW_MS}, None),
        ({"valid_from_ms": NOW_MS + 1}, "not_yet"),
        ({"valid_until_ms": NOW_MS + 1}, None),
        ({"valid_until_ms": NOW_MS}, "expired"),
        ({"hours": (22 * 60 + 13, 22 * 60 + 14)}, None),
        ({"hours": (9 * 60, 22 * 60)}, "out_of_hours"),
        ({"platforms": ("wechat", "wecom")}, None),
        ({"platforms": ("mobile",)}, "wrong_platform"),
    ],
)
def test_each_rule_refuses_on_its_own(fields: dict[str, Any], outcome: str | None) -> None:
    assert rules.refusal(link(**fields), "wechat", NOW_MS, SHANGHAI) == outcome


def test_a_platform_that_is_not_known_is_not_refused() -> None:
    assert rules.refusal(link(platforms=("mobile",)), "", NOW_MS, SHANGHAI) is None


def test_the_first_rule_in_order_names_the_outcome() -> None:
    broken: list[tuple[str, dict[str, Any]]] = [
        ("disabled", {"disabled": True}),
        ("not_yet", {"valid_from_ms": NOW_MS + 1}),
        ("expired", {"valid_until_ms": NOW_MS - 1}),
        ("out_of_hours", {"hours": (0, 1)}),
        ("wrong_platform", {"platforms": ("qq",)}),
    ]
    for place, (outcome, _) in enumerate(broken):
        fields = {name: value for _, rule in broken[place:] for name, value in rule.items()}
        assert rules.refusal(link(**fields), "wechat", NOW_MS, SHANGHAI) == outcome


@pytest.mark.parametrize(
    ("clock", "day_shift", "night_shift"),
    [
        ("08:59:59", False, False),
        ("09:00:00", True, False),
        ("21:59:59", True, False),
        ("22:00:00", False, True),
        ("23:59:59", False, True),
        ("00:00:00", False, True),
        ("05:59:59", False, True),
        ("06:00:00", False, False),
    ],
)
def test_hours_are_half_open_and_may_go_over_midnight(clock: str, *, day_shift: bool, night_shift: bool) -> None:
    assert rules.within_hours((9 * 60, 22 * 60), at(clock), SHANGHAI) == day_shift
    assert rules.within_hours((22 * 60, 6 * 60), at(clock), SHANGHAI) == night_shift


def test_hours_until_1440_end_with_the_day() -> None:
    assert rules.within_hours((0, 1440), at("23:59:59"), SHANGHAI)
    assert not rules.within_hours((12 * 60, 12 * 60), at("12:00:00"), SHANGHAI)


def test_hours_are_those_of_the_brands_clock() -> None:
    assert rules.within_hours((9 * 60, 10 * 60), at("01:30:00", UTC), SHANGHAI)
    assert not rules.within_hours((9 * 60, 10 * 60), at("09:30:00", UTC), SHANGHAI)


def test_a_platform_comes_before_a_country_and_both_before_a_test() -> None:
    made = link(
        platform_urls=(("wechat", "https://p.example/"),),
        country_urls=(("CN", "https://c.example/"),),
        variants=(Variant("a", 1, "https://v.example/"),),
    )
    assert rules.destination(made, "wechat", "CN", "v") == ("https://p.example/", "")
    assert rules.destination(made, "mobile", "CN", "v") == ("https://c.example/", "")
    assert rules.destination(made, "mobile", "", "v") == ("https://v.example/", "a")
    assert rules.destination(link(), "mobile", "CN", "v") == ("https://shop.example.com/p/1", "")


def test_a_visitor_stays_in_one_arm_and_the_arms_get_their_weights() -> None:
    made = link(variants=(Variant("a", 3, "https://a.example/"), Variant("b", 1, "https://b.example/")))
    arms = {f"visitor{n}": rules.variant(made, f"visitor{n}").name for n in range(4000)}
    assert arms == {visitor: rules.variant(made, visitor).name for visitor in arms}
    # 4000 draws of 3/4: the standard deviation is 27
    assert abs(Counter(arms.values())["a"] - 3000) < 150


def test_the_arms_of_two_links_are_drawn_apart() -> None:
    arms = (Variant("a", 1, "https://a.example/"), Variant("b", 1, "https://b.example/"))
    one, two = link(number=1, variants=arms), link(number=2, variants=arms)
    same = sum(rules.variant(one, str(n)) == rules.variant(two, str(n)) for n in range(2000))
    assert abs(same - 1000) < 150
