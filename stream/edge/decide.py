"""The decision about one tap: what is answered and what is recorded. Pure: same arguments, same decision."""

from typing import Any

import msgspec

from schemas.clicks import MAX_UTM, QR_QUERY, UTM_FIELDS, Fetch, Outcome, VisitorKind
from stream.base.country import country_of
from stream.base.platforms import platform_of
from stream.edge import rules
from stream.edge.fetches import UNREADABLE
from stream.edge.location import Target, passed, target
from stream.edge.pages import Page, page
from stream.edge.plan import Plan
from stream.edge.text import clean

_LOOKED_AT = 100
"""Parameters of a request's query; a link passes on at most 32."""


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What is known of a request; every text is bounded and without control characters, but `query` is raw.

    Not a named tuple, and nor is a decision: each tap makes one of either, in a third of the time.
    """

    fetch: Fetch
    query: str
    prefix: str
    """Of the client's address; empty when it is not known."""
    user_agent: str
    language: str
    referrer: str
    """Without its query and fragment."""
    visitor: str
    visitor_kind: VisitorKind


class Decision(msgspec.Struct, frozen=True, gc=False):
    """The answer and the record of it: a redirect to `location` or, where that is empty, a page."""

    outcome: Outcome
    status: int
    location: str
    page: Page | None
    click: dict[str, Any]
    """Fields of `schemas.clicks.Click`."""


def decide(facts: Facts, plan: Plan, now_ms: int, token: str) -> Decision:
    """Decide about one tap on a link.

    Args:
        facts: the request.
        plan: the link's, good at `now_ms`.
        now_ms: the edge's clock.
        token: the click's id, signed for this link and time.
    """
    if plan.plain is not None:
        location = f"{plan.plain.head}{token}{plan.plain.tail}"
        return Decision("redirected", plan.link.status, location, None, _click(facts, plan, now_ms, token))
    return _by_rules(facts, plan, now_ms, token)


def _by_rules(facts: Facts, plan: Plan, now_ms: int, token: str) -> Decision:
    link = plan.link
    platform = platform_of(facts.user_agent) if facts.user_agent != UNREADABLE.text else ""
    extra: dict[str, str] = {}
    if plan.pass_names and facts.query:
        given = passed(facts.query, plan.pass_names, _LOOKED_AT)
        extra = {name: text for name, value in given.items() if (text := clean(value, len(value)))}
    outcome: Outcome = rules.refusal(link, platform, now_ms, plan.zone) or "redirected"
    more: dict[str, Any] = {name: extra[name][:MAX_UTM] for name in UTM_FIELDS if name in extra} if extra else {}
    leads_to: Target | None = None
    if outcome == "redirected":
        country = country_of(facts.prefix) if link.country_urls else ""
        url, variant = rules.destination(link, platform, country, facts.visitor)
        leads_to = target(url, link.kind, plan.added | extra) if extra else plan.target(url)
        if leads_to is None:
            outcome = "fallback"
        elif variant:
            more["variant"] = variant
    status, shown = link.status, None
    if leads_to is None and link.fallback_url:
        # A fallback is a page of the brand, whatever kind the destination is.
        leads_to = target(link.fallback_url, "web", plan.added | extra)
    if leads_to is None:
        shown = page(outcome, platform, link.platforms, plan.short_url, link.hours)
        status = shown.status
    location = f"{leads_to.head}{token}{leads_to.tail}" if leads_to else ""
    click = _click(facts, plan, now_ms, token, outcome)
    click.update(more)
    return Decision(outcome, status, location, shown, click)


def _click(facts: Facts, plan: Plan, now_ms: int, token: str, outcome: Outcome = "redirected") -> dict[str, Any]:
    # A copy that is filled in takes half the time of a dict that is put together.
    click = plan.click.copy()
    click["id"] = token
    click["ts"] = now_ms
    click["outcome"] = outcome
    click["fetch"] = facts.fetch
    click["visitor"] = facts.visitor
    click["visitor_kind"] = facts.visitor_kind
    if prefix := facts.prefix:
        click["ip"] = prefix
    if user_agent := facts.user_agent:
        click["ua"] = user_agent
    if language := facts.language:
        click["lang"] = language
    if referrer := facts.referrer:
        click["ref"] = referrer
    if (query := facts.query) and QR_QUERY in query.split("&", _LOOKED_AT):
        click["trigger"] = "qr"
    return click
