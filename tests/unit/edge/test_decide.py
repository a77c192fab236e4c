from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from schemas.clicks import decode_click
from schemas.registry import Variant
from stream.edge.decide import Decision, decide
from tests.support.edge import NOW_MS, SAFARI, TOKEN, facts, planned
from tests.support.registry import link, owned


def decided(made: Any, **fields: Any) -> Decision:
    decision = decide(facts(**fields), planned(made), NOW_MS, TOKEN)
    assert decode_click(orjson.dumps(decision.click), NOW_MS, 0) == decision.click
    assert decision.click["outcome"] == decision.outcome
    assert bool(decision.location) != (decision.page is not None)
    return decision


def test_a_plain_tap_is_sent_on_with_its_token_and_recorded() -> None:
    decision = decided(owned("g1", utm=(("utm_source", "wecom"),)), referrer="https://mp.weixin.qq.com/s/x")
    assert decision.status == 302
    assert decision.location == f"https://shop.example.com/p/1?utm_source=wecom&ct={TOKEN}"
    assert decision.click == {
        "v": 1,
        "id": TOKEN,
        "ts": NOW_MS,
        "link": "a8Xk2Pq",
        "kind": "web",
        "guide": "g1",
        "store": "s1",
        "region": "east",
        "utm_source": "wecom",
        "outcome": "redirected",
        "fetch": "navigate",
        "visitor": "v" * 24,
        "visitor_kind": "cookie",
        "ip": "114.114.114.0/24",
        "ua": facts().user_agent,
        "lang": "zh-CN",
        "ref": "https://mp.weixin.qq.com/s/x",
    }


def test_what_is_not_known_is_left_out() -> None:
    click = decided(link(), prefix="", user_agent="", language="").click
    assert {"ip", "ua", "lang", "ref", "guide", "trigger", "variant"}.isdisjoint(click)


def test_the_links_status_is_used() -> None:
    assert decided(link(status=307)).status == 307
    assert decided(link(status=307, hours=(0, 1440))).status == 307


@pytest.mark.parametrize(("query", "trigger"), [("q=1", "qr"), ("a=2&q=1", "qr"), ("q=11", None), ("", None)])
def test_a_code_that_was_scanned_says_so(query: str, trigger: str | None) -> None:
    assert decided(link(), query=query).click.get("trigger") == trigger


REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("disabled", {"disabled": True}, 410),
    ("expired", {"valid_until_ms": 1}, 410),
    ("not_yet", {"valid_from_ms": NOW_MS + 1}, 200),
    ("out_of_hours", {"hours": (0, 1)}, 200),
    ("wrong_platform", {"platforms": ("mobile",)}, 200),
    ("fallback", {"url": "https://[broken/", "hours": (0, 1440)}, 404),
    ("fallback", {"url": "https://[broken/"}, 404),
]


@pytest.mark.parametrize(("outcome", "fields", "status"), REFUSED)
def test_whoever_is_kept_away_sees_a_page_for_the_reason(outcome: str, fields: dict[str, Any], status: int) -> None:
    decision = decided(link(**fields))
    assert (decision.outcome, decision.status, decision.location) == (outcome, status, "")
    assert decision.page is not None
    assert decision.page.status == status


@pytest.mark.parametrize(("outcome", "fields", "status"), REFUSED)
def test_or_is_sent_to_the_fallback_with_the_reason_recorded(outcome: str, fields: dict[str, Any], status: int) -> None:
    made = link(kind="wecom_kf", fallback_url="https://brand.example.com/hello", **fields)
    decision = decided(made)
    assert decision.outcome == outcome
    assert decision.status == 302
    assert decision.location == f"https://brand.example.com/hello?ct={TOKEN}"
    assert status != 302


def test_a_fallback_that_cannot_be_used_is_a_page() -> None:
    assert decided(link(disabled=True, fallback_url="https://[broken/")).page is not None


def test_a_platform_that_is_allowed_goes_on() -> None:
    made = link(platforms=("mobile",), fallback_url="https://brand.example.com/")
    assert decided(made, user_agent=SAFARI).outcome == "redirected"
    assert decided(made).outcome == "wrong_platform"


def test_the_platforms_and_the_countrys_own_destinations() -> None:
    made = link(
        platform_urls=(("mobile", "https://m.example.com/"),), country_urls=(("US", "https://us.example.com/"),)
    )
    assert urlsplit(decided(made, user_agent=SAFARI, prefix="8.8.8.0/24").location).hostname == "m.example.com"
    assert urlsplit(decided(made, prefix="8.8.8.0/24").location).hostname == "us.example.com"
    assert urlsplit(decided(made, prefix="10.0.0.0/24").location).hostname == "shop.example.com"


def test_who_is_in_a_test_is_recorded_with_the_arm() -> None:
    made = link(variants=(Variant("a", 1, "https://a.example.com/"), Variant("b", 1, "https://b.example.com/")))
    seen = {}
    for number in range(50):
        decision = decided(made, visitor=f"visitor{number}")
        seen[decision.click["variant"]] = urlsplit(decision.location).hostname
    assert seen == {"a": "a.example.com", "b": "b.example.com"}


def test_who_is_kept_away_is_in_no_arm() -> None:
    made = link(disabled=True, variants=(Variant("a", 1, "https://a.example.com/"),))
    assert "variant" not in decided(made).click


def test_named_parameters_are_passed_on_and_nothing_else() -> None:
    made = link(utm=(("utm_source", "own"), ("utm_medium", "own")), pass_params=("utm_source", "sku", "ct"))
    decision = decided(made, query="sku=7&evil=1&utm_source=theirs&ct=forged&utm_term=no")
    assert parse_qs(urlsplit(decision.location).query) == {
        "utm_source": ["theirs"],
        "utm_medium": ["own"],
        "sku": ["7"],
        "ct": [TOKEN],
    }
    assert (decision.click["utm_source"], decision.click["utm_medium"]) == ("theirs", "own")
    assert "utm_term" not in decision.click


def test_what_is_passed_on_is_cleaned_and_bounded_in_the_record() -> None:
    made = link(pass_params=("utm_source",))
    decision = decided(made, query="utm_source=%0D%0A" + "%E5%8F%8C" * 200)
    assert decision.click["utm_source"] == "双" * 128
    assert "%0D" not in decision.location
    assert decision.location.count("%E5%8F%8C") == 200


@pytest.mark.parametrize("fetch", ["head", "prefetch", "preview"])
def test_those_who_look_before_get_the_same_answer_and_are_recorded_as_what_they_are(fetch: str) -> None:
    decision = decided(link(), fetch=fetch, visitor_kind="hash")
    assert decision.location == decided(link()).location
    assert (decision.click["fetch"], decision.click["visitor_kind"]) == (fetch, "hash")
