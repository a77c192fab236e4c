"""The five rules, each at its edges."""

import pytest

from schemas.attribution import RULES, SKEW_MS, Credit, Touch
from schemas.customers import CustomerState
from stream.attribute import credit as rules
from stream.attribute.credit import Evidence, LookBack, credit, wants_guide_clicks
from stream.base.settings import Attribution
from tests.support.customer_events import DAY_MS, event, touch
from tests.support.events import AT_MS

MINUTE_MS = 60_000
LOOKBACK = LookBack.of(customer_days=90, visitor_days=30, guide_minutes=30)


def of(evidence: Evidence, kind: str = "order_paid", **changes: str | None) -> Credit:
    return credit(event(kind, **changes), AT_MS, evidence, LOOKBACK)


def known(*touches: Touch) -> CustomerState:
    return CustomerState(touches=list(touches))


def test_the_defaults_of_the_settings_are_the_look_backs_of_the_domain() -> None:
    settings = Attribution()
    assert LookBack.of(**settings.model_dump(exclude={"contact_hours"})) == LOOKBACK
    assert settings.contact_ms == 2 * DAY_MS


def test_a_token_comes_first() -> None:
    clicked = touch(AT_MS - DAY_MS, "t", guide="g9")
    everything = Evidence(clicked, "", known(touch(AT_MS - 1, "c")), touch(AT_MS - 1, "v"), [touch(AT_MS - 1, "g")])
    assert of(everything) == Credit("token", 1.0, "g9", "a8Xk2Pq", "", clicked, clicked)


def test_the_token_of_a_campaign_link_credits_the_link_and_no_guide() -> None:
    result = of(Evidence(touch(AT_MS - 1, link="campaign-1", guide="")))
    assert (result.rule, result.guide_id, result.link) == ("token", "", "campaign-1")


@pytest.mark.parametrize(("ahead_ms", "rule"), [(SKEW_MS, "token"), (SKEW_MS + 1, "guide")])
def test_a_token_of_a_click_after_the_event_is_no_evidence(ahead_ms: int, rule: str) -> None:
    assert of(Evidence(touch(AT_MS + ahead_ms))).rule == rule


def test_the_first_touch_of_a_token_is_the_customers_earliest_within_the_look_back() -> None:
    too_old, first, clicked = touch(AT_MS - 91 * DAY_MS, "0"), touch(AT_MS - 80 * DAY_MS, "1"), touch(AT_MS - 5, "2")
    assert of(Evidence(clicked, customer=known(too_old, first))).first == first
    assert of(Evidence(clicked, customer=known(too_old))).first == clicked
    assert of(Evidence(clicked)).first == clicked
    old_click = touch(AT_MS - 85 * DAY_MS, "t")
    assert of(Evidence(old_click, customer=known(first))).first == old_click


def test_the_customers_last_touch_before_the_event_is_credited_and_the_first_is_named() -> None:
    touches = [touch(AT_MS - days * DAY_MS, str(days), guide=f"g{days}") for days in (95, 60, 20)]
    after = touch(AT_MS + 1, "after")
    result = of(Evidence(customer=known(*touches, after), visitor=touch(AT_MS - 1, "v")))
    assert result == Credit("customer", 0.9, "g20", "a8Xk2Pq", "", touches[2], touches[1])


@pytest.mark.parametrize(
    ("age_ms", "rule"),
    [(0, "customer"), (90 * DAY_MS, "customer"), (90 * DAY_MS + 1, "guide"), (-1, "guide")],
)
def test_the_look_back_of_a_customer_ends_to_the_millisecond(age_ms: int, rule: str) -> None:
    assert of(Evidence(customer=known(touch(AT_MS - age_ms)))).rule == rule


@pytest.mark.parametrize(
    ("age_ms", "rule"),
    [(-SKEW_MS, "visitor"), (30 * DAY_MS, "visitor"), (30 * DAY_MS + 1, "guide"), (-SKEW_MS - 1, "guide")],
)
def test_the_visitors_last_click_is_credited_within_its_look_back(age_ms: int, rule: str) -> None:
    click = touch(AT_MS - age_ms, "v", guide="g5")
    result = of(Evidence(visitor=click))
    assert result.rule == rule
    if rule == "visitor":
        assert result == Credit("visitor", 0.7, "g5", "a8Xk2Pq", "", click, click)


@pytest.mark.parametrize("kind", ["friend_added", "friend_requested"])
def test_an_add_without_a_token_is_explained_by_the_one_click_before_it(kind: str) -> None:
    click = touch(AT_MS - 30 * MINUTE_MS, "one")
    assert of(Evidence(guide_clicks=[click]), kind) == Credit("guide", 0.5, "g1", "a8Xk2Pq", "", click, click)


def test_several_clicks_on_one_link_credit_the_link_and_name_no_click() -> None:
    clicks = [Touch(AT_MS - 5, "a", "l", "g1", "A"), Touch(AT_MS - 9, "b", "l", "g1", "A")]
    assert of(Evidence(guide_clicks=clicks), "friend_added") == Credit("guide", 0.4, "g1", "l", "A")
    clicks.append(Touch(AT_MS - 9, "c", "l", "g1", "B"))
    assert of(Evidence(guide_clicks=clicks), "friend_added") == Credit("guide", 0.4, "g1", "l")


def test_one_click_that_was_read_twice_is_one_click() -> None:
    click = touch(AT_MS - 5)
    assert of(Evidence(guide_clicks=[click, click]), "friend_added").confidence == rules.ONE_CLICK_CONFIDENCE


@pytest.mark.parametrize(
    "clicks",
    [
        [],
        [touch(AT_MS - 5, "a", link="l1"), touch(AT_MS - 5, "b", link="l2")],
        [touch(AT_MS - 30 * MINUTE_MS - 1)],
        [touch(AT_MS + SKEW_MS + 1)],
    ],
    ids=["none", "several links", "too early", "too late"],
)
def test_an_add_that_no_one_link_explains_is_the_guides_alone(clicks: list[Touch]) -> None:
    assert of(Evidence(guide_clicks=clicks), "friend_added") == Credit("guide", 0.2, "g1")


def test_other_events_are_the_acting_guides_whatever_was_clicked() -> None:
    assert of(Evidence(guide_clicks=[touch()]), "message_in") == Credit("guide", 0.3, "g1")


def test_without_any_evidence_nobody_is_credited() -> None:
    assert of(Evidence(token_error="unknown_link"), guide_id=None) == Credit("none", 0.0)


def test_clicks_of_the_guide_are_wanted_for_adds_only() -> None:
    assert wants_guide_clicks(event("friend_added"))
    assert not wants_guide_clicks(event("message_in"))
    assert not wants_guide_clicks(event("friend_requested", guide_id=None))


def test_a_surer_rule_comes_before_a_less_sure_one() -> None:
    confidences = [
        *(rules.TOKEN_CONFIDENCE, rules.CUSTOMER_CONFIDENCE, rules.VISITOR_CONFIDENCE, rules.ONE_CLICK_CONFIDENCE),
        *(rules.ONE_LINK_CONFIDENCE, rules.GUIDE_CONFIDENCE, rules.UNSEEN_CONFIDENCE),
    ]
    assert confidences == sorted(set(confidences), reverse=True)
    assert RULES == ("token", "customer", "visitor", "guide", "none")
