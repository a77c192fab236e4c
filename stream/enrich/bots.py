"""Whether a click is a person's, and every reason why it is not.

A click is marked, never dropped: reports count human clicks, and show what was taken out and why. The reasons are the
closed set `BotReason`.
"""

import re
from functools import cache
from typing import Final

from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from schemas.clicks import FETCHES
from schemas.enrichment import HUMAN, BotReason, Verdict
from stream.enrich.patterns import Patterns

# Programs that the public list leaves out, or calls crawlers.
_OWN: Final[tuple[tuple[BotReason, str], ...]] = (
    (
        "http_library",
        (
            r"^(?:Java|Dart|Dalvik|PostmanRuntime|Ruby|PycURL|GuzzleHttp|RestSharp|undici|node|Bun|Deno|wrk|k6|Lua-http)\b|"
            r"libcurl|CFNetwork/|ApacheBench|Apache-HttpAsyncClient|python/\d|Python/\d|reqwest|Faraday|HTTPClient"
        ),
    ),
    ("headless", r"Headless|jsdom|HtmlUnit|Cypress|WebDriver|TestCafe"),
)
# The public list's pattern catches a browser of the same house: only what calls itself a spider is one.
_NARROWED: Final[dict[str, str]] = {"Sogou": r"Sogou [A-Za-z ]*[Ss]pider"}
_REASON_OF_TAG: Final[dict[str, BotReason]] = {
    "http-library": "http_library",
    "browser-automation": "headless",
    "social-preview": "preview",
}
_REASON_OF_FETCH: Final[dict[str, tuple[BotReason, ...]]] = {
    "navigate": (),
    "head": ("head",),
    "prefetch": ("prefetch",),
    "preview": ("preview",),
}
_BROWSER: Final = re.compile(r"^(?:Mozilla|Opera)/")


def verdict_of(user_agent: str, fetch: str, no_language: bool) -> Verdict:  # noqa: FBT001 - a fact of the request
    """Judge one click by its user agent, how it was fetched, and whether it named no language."""
    reasons = [*automation_of(user_agent)]
    reasons += [reason for reason in _REASON_OF_FETCH[fetch] if reason not in reasons]
    if no_language and _BROWSER.match(user_agent):
        reasons.append("no_language")
    return Verdict(is_human=False, reasons=tuple(reasons)) if reasons else HUMAN


def automation_of(user_agent: str) -> tuple[BotReason, ...]:
    """What a user agent alone gives away; empty for a person's browser. A few microseconds."""
    if not user_agent.strip():
        return ("empty_user_agent",)
    reason = _programs().first(user_agent)
    return (reason,) if reason else ()


@cache
def _programs() -> Patterns[BotReason]:
    """Built at the first use: a twentieth of a second that importing should not take."""
    rules = list(_OWN)
    for entry in CRAWLER_USER_AGENTS_DATA:
        tags = [_REASON_OF_TAG[tag] for tag in entry.get("tags", ()) if tag in _REASON_OF_TAG]
        pattern = _NARROWED.get(entry["pattern"], entry["pattern"])
        rules.append((tags[0] if tags else "crawler", pattern))
    return Patterns(rules)


assert set(_REASON_OF_FETCH) == FETCHES, "a way of fetching without a verdict"
