"""Tokens of a batch: good ones name their click, all others say in a word why they name none."""

from typing import Any

from schemas.attribution import SKEW_MS, Touch
from schemas.conversions import Conversion, decode_conversion
from schemas.token import Signer
from stream.sink.lookups import ClickFacts, LinkFacts
from stream.worker.tokens import AFTER_EVENT, FORGED, MALFORMED, UNKNOWN_KEY, UNKNOWN_LINK, Read, Tokens, named
from tests.support.bad_tokens import KEY, bad_tokens
from tests.support.customer_events import event
from tests.support.events import AT_MS, encode

LINK = LinkFacts("a8Xk2Pq", 1, (("g1", 0), ("g2", AT_MS)), "", "", has_variants=False)


class OneLink:
    """A directory of one link, which nobody asks for another than a checked token's."""

    async def links(self, wanted: Any) -> dict[int, LinkFacts]:
        assert set(wanted) <= {1, 2}
        return {1: LINK}


class Rows:
    """Rows of clicks."""

    def __init__(self, clicks: dict[str, ClickFacts]) -> None:
        self._clicks = clicks

    async def ask(self, *_: Any) -> dict[str, ClickFacts]:
        return self._clicks


def tokens(clicks: dict[str, ClickFacts] | None = None) -> Tokens:
    return Tokens({1: KEY}, OneLink(), Rows(clicks or {}))  # type: ignore[arg-type] # all that is asked


def signed(link: int, at_ms: int) -> str:
    return Signer(1, KEY, edge=1).sign(link, at_ms, 7)


async def test_no_bad_token_names_a_click_or_has_its_event_rejected_and_each_has_its_word() -> None:
    bad = bad_tokens()
    assert len(bad) >= 500
    read = await tokens().read(bad)
    words = {MALFORMED, UNKNOWN_KEY, FORGED}
    assert [text for text in bad if read[text].click or read[text].error not in words] == []
    assert [(text, read[text].error) for text, word in bad.items() if word and read[text].error != word] == []
    assert {one.error for one in read.values()} == words
    for text in bad:
        fields = {**event("lead", token=text)}
        assert decode_conversion(encode(fields), AT_MS, 0, currency="CNY")["token"] == text


async def test_a_good_token_names_its_click_and_who_owned_the_link_then() -> None:
    before, after, nowhere = signed(1, AT_MS - 1), signed(1, AT_MS), signed(2, AT_MS)
    assert await tokens().read([before, after, nowhere]) == {
        before: Read(Touch(AT_MS - 1, before, "a8Xk2Pq", "g1"), ""),
        after: Read(Touch(AT_MS, after, "a8Xk2Pq", "g2"), ""),
        nowhere: Read(None, UNKNOWN_LINK),
    }


async def test_a_click_on_a_link_that_was_deleted_since_says_itself_what_it_was_on() -> None:
    text = signed(2, AT_MS)
    read = await tokens({text: ClickFacts("gone", "g7", "B")}).read([text])
    assert read == {text: Read(Touch(AT_MS, text, "gone", "g7", "B"), "")}


async def test_a_click_leads_to_no_earlier_event_but_for_what_clocks_differ() -> None:
    text = signed(1, AT_MS + SKEW_MS)
    read = await tokens().read([text])
    one: Conversion = event("lead", token=text)
    assert named(one, AT_MS, read) == read[text]
    assert named(one, AT_MS - 1, read) == Read(None, AFTER_EVENT)
    assert named(event("lead"), AT_MS, read) == Read(None, "")
