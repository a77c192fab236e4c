from typing import TYPE_CHECKING, Any

import pytest

from schemas.click_record import ClickRecord, read_click
from schemas.enrichment import HUMAN, UNKNOWN_AGENT, UNKNOWN_PLACE, UNKNOWN_REFERRER, EnrichError, Place
from stream.enrich.clicks import ClickEnricher
from stream.enrich.place import open_places
from tests.support.events import AT_MS, click, encode

if TYPE_CHECKING:
    from collections.abc import Callable


def event(**changes: Any) -> ClickRecord:
    return read_click(encode(click(**changes)), AT_MS, 0)


def failing(*_: object) -> Any:
    raise ZeroDivisionError


def test_a_click_gets_all_that_can_be_derived() -> None:
    found = ClickEnricher.open().enrich(event())
    assert (found.agent.device, found.agent.os, found.agent.browser, found.agent.platform) == (
        "phone",
        "iOS",
        "WeChat",
        "wechat",
    )
    assert found.verdict is HUMAN
    assert found.place.country == "CN"
    assert (found.referrer.host, found.referrer.cls) == ("qq.com", "wechat")
    assert found.language == "zh-CN"
    assert found.errors == ()


def test_a_click_without_optional_fields_is_enriched_too() -> None:
    found = ClickEnricher.open().enrich(event(ua=None, lang=None, ref=None, ip=None))
    assert found.agent.device == "bot"
    assert found.verdict.reasons == ("empty_user_agent",)
    assert found.place is UNKNOWN_PLACE
    assert found.referrer.cls == "direct"
    assert found.language == ""
    assert found.errors == ()


def test_equal_inputs_share_their_value_objects() -> None:
    enricher = ClickEnricher.open()
    first, second = enricher.enrich(event(link="a")), enricher.enrich(event(link="b"))
    assert first.agent is second.agent
    assert first.verdict is second.verdict
    assert first.place is second.place
    assert first.referrer is second.referrer


@pytest.mark.parametrize("part", ["agent", "verdict", "place", "referrer", "language"])
def test_a_part_that_fails_marks_the_row_and_the_others_stay(part: EnrichError) -> None:
    parts: dict[str, Callable[..., Any]] = {"place": open_places(None)}
    broken = ClickEnricher(**(parts | {part: failing}))
    whole = ClickEnricher(**parts)
    found, expected = broken.enrich(event()), whole.enrich(event())
    neutral = {
        "agent": UNKNOWN_AGENT,
        "verdict": HUMAN,
        "place": UNKNOWN_PLACE,
        "referrer": UNKNOWN_REFERRER,
        "language": "",
    }
    assert found.errors == (part,)
    for name, value in neutral.items():
        if name == part:
            assert getattr(found, name) is value
        elif name == "language":
            assert found.language == expected.language
        else:
            assert repr(getattr(found, name)) == repr(getattr(expected, name))


def test_all_parts_may_fail_and_the_click_stays() -> None:
    enricher = ClickEnricher(agent=failing, verdict=failing, place=failing, referrer=failing, language=failing)
    found = enricher.enrich(event())
    assert found.errors == ("agent", "verdict", "place", "referrer", "language")
    assert found.agent is UNKNOWN_AGENT


def test_a_failure_is_not_remembered() -> None:
    failures = iter([failing, failing])

    def place_of(prefix: str) -> Place:
        return next(failures, open_places(None))(prefix)

    enricher = ClickEnricher(place=place_of)
    assert enricher.enrich(event()).errors == ("place",)
    assert enricher.enrich(event()).place.country == "CN"
