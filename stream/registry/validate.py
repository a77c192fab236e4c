"""Whether a thing makes sense: forms, bounds, words of closed sets, and that what it refers to is there.

`check` gives the thing in the form in which it is kept (names normalised, addresses in ASCII) and everything that is
wrong with it, not only the first: a CSV report and a form show all at once.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Final, Protocol, TypeVar, cast

from schemas.phones import has_mobile
from schemas.registry import (
    DESTINATION_KINDS,
    MAX_CODE,
    MAX_COUNTRIES,
    MAX_ID,
    MAX_NAME,
    MAX_OWNERS,
    MAX_PASS_PARAMS,
    MAX_UTM,
    MAX_VARIANTS,
    MAX_WEIGHT,
    PLATFORMS,
    STATUSES,
    TOKEN_PARAMETERS,
    TOUCHPOINTS,
    UTM_NAMES,
    Campaign,
    Guide,
    Link,
    Store,
    Thing,
    Variant,
)
from schemas.registry.countries import COUNTRIES
from stream.base.errors import InputError
from stream.registry.urls import check_url, query_names

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*")
_CODE = re.compile(r"[A-Za-z0-9_-]+")
_PARAMETER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_MONEY = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")
_MAX_MS: Final = 4_102_444_800_000
"""2100-01-01: a later time is a slip."""

T = TypeVar("T", bound=Thing)


class References(Protocol):
    """Where a guide, store or campaign is looked up; a `Snapshot` is one."""

    def guide(self, id_: str, /) -> Guide | None:
        """The guide of this id."""

    def store(self, id_: str, /) -> Store | None:
        """The store of this id."""

    def campaign(self, id_: str, /) -> Campaign | None:
        """The campaign of this id."""


def check(thing: T, references: References) -> tuple[T, list[InputError]]:
    """The thing in the form in which it is kept, and all that is wrong with it."""
    form = _Form()
    match thing:
        case Store():
            kept: Thing = _store(thing, form)
        case Guide():
            kept = _guide(thing, form, references)
        case Campaign():
            kept = _campaign(thing, form, references)
        case Link():
            kept = _link(thing, form, references)
    return cast("T", kept), form.problems


class _Form:
    """Looks at fields and notes what is wrong."""

    def __init__(self) -> None:
        self.problems: list[InputError] = []

    def wrong(self, field: str, detail: str) -> None:
        self.problems.append(InputError(detail, field=field))

    def id(self, text: str, field: str) -> None:
        if not _ID.fullmatch(text) or len(text) > MAX_ID:
            self.wrong(
                field, f"{text[:80]!r}: give 1 to {MAX_ID} letters, digits or _ . @ -, the first a letter, digit or _"
            )

    def name(self, text: str, field: str) -> str:
        text = unicodedata.normalize("NFC", text).strip()
        if len(text) > MAX_NAME:
            self.wrong(field, f"has {len(text)} characters; at most {MAX_NAME}")
        # Cc, Cf, Cs, Co, Cn: controls, invisible and direction marks, halves of characters, undefined ones.
        if any(unicodedata.category(character)[0] == "C" for character in text):
            self.wrong(field, "has control or invisible characters; remove them")
        return text

    def required_name(self, text: str, field: str) -> str:
        text = self.name(text, field)
        if not text:
            self.wrong(field, "is empty; give a name")
        return text

    def day(self, text: str, field: str) -> None:
        try:
            ok = not text or ("1970" <= text < "2100" and date.fromisoformat(text).isoformat() == text)
        except ValueError:
            ok = False
        if not ok:
            self.wrong(field, f"{text[:40]!r} is no day from 1970 to 2099; give YYYY-MM-DD")

    def money(self, text: str, field: str) -> None:
        if text and not _MONEY.fullmatch(text):
            self.wrong(field, f"{text[:40]!r} is no amount; give digits with at most 4 decimals, like 6500.50")

    def currency(self, text: str) -> None:
        if not _CURRENCY.fullmatch(text):
            self.wrong("currency", f"{text[:40]!r} is no currency; give three capital letters, like CNY")

    def url(self, text: str, field: str) -> str:
        try:
            return check_url(text, field)
        except InputError as problem:
            self.problems.append(problem)
            return text

    def word(self, text: str, field: str, words: Iterable[str]) -> None:
        if text not in words:
            self.wrong(field, f"{text[:40]!r} is not known; give one of {', '.join(sorted(words))}")

    def count(self, items: tuple[object, ...], field: str, most: int) -> None:
        if len(items) > most:
            self.wrong(field, f"has {len(items)} entries; at most {most}")

    def different(self, items: Iterable[str], field: str) -> None:
        seen: set[str] = set()
        for item in items:
            if item in seen:
                self.wrong(field, f"{item[:40]!r} comes twice; leave one out")
            seen.add(item)

    def moment(self, at_ms: int | None, field: str) -> None:
        if at_ms is not None and not 0 <= at_ms <= _MAX_MS:
            self.wrong(field, "is not between 1970 and 2100")


def _store(store: Store, form: _Form) -> Store:
    form.id(store.id, "id")
    form.id(store.region_id, "region_id")
    return replace(
        store,
        name=form.required_name(store.name, "name"),
        region_name=form.name(store.region_name, "region_name"),
    )


def _guide(guide: Guide, form: _Form, references: References) -> Guide:
    form.id(guide.id, "id")
    if references.store(guide.store_id) is None:
        form.wrong("store_id", f"there is no store {guide.store_id[:80]!r}; add it first")
    form.day(guide.hire_date, "hire_date")
    form.money(guide.monthly_cost, "monthly_cost")
    form.currency(guide.currency)
    if guide.wecom_userid:
        form.id(guide.wecom_userid, "wecom_userid")
    return replace(guide, name=form.required_name(guide.name, "name"))


def _campaign(campaign: Campaign, form: _Form, references: References) -> Campaign:
    form.id(campaign.id, "id")
    if has_mobile(campaign.id) and references.campaign(campaign.id) is None:
        # In the properties of an event, which names its campaign there, it would become a hash (`schemas.personal`).
        form.wrong("id", "looks like a phone number, so events that name the campaign would not meet it; give another")
    form.day(campaign.start, "start")
    form.day(campaign.end, "end")
    if campaign.start and campaign.end and campaign.end < campaign.start:
        form.wrong("end", "lies before the start; it is the last day of the campaign")
    form.money(campaign.budget, "budget")
    form.currency(campaign.currency)
    return replace(campaign, name=form.required_name(campaign.name, "name"))


# -- links -------------------------------------------------------------------------------------------------------------


def _link(link: Link, form: _Form, references: References) -> Link:
    if not _CODE.fullmatch(link.code) or len(link.code) > MAX_CODE:
        form.wrong("code", f"{link.code[:80]!r}: give 1 to {MAX_CODE} letters, digits, _ or -")
    form.word(link.kind, "kind", DESTINATION_KINDS)
    if link.touchpoint:
        form.word(link.touchpoint, "touchpoint", TOUCHPOINTS)
    if link.campaign_id and references.campaign(link.campaign_id) is None:
        form.wrong("campaign_id", f"there is no campaign {link.campaign_id[:80]!r}; add it first")
    if link.status not in STATUSES:
        form.wrong("status", "give 302 or 307")
    _owners(link, form, references)
    _parameters(link, form)
    _when(link, form)
    link = _destinations(link, form)
    _token_fits(link, form)
    return link


def _owners(link: Link, form: _Form, references: References) -> None:
    form.count(link.owners, "owners", MAX_OWNERS)
    for owner in link.owners:
        form.moment(owner.from_ms, "owners")
        if owner.guide_id and references.guide(owner.guide_id) is None:
            form.wrong("guide_id", f"there is no guide {owner.guide_id[:80]!r}; add them first")
    if any(later.from_ms <= earlier.from_ms for earlier, later in pairwise(link.owners)):
        form.wrong("owners", "are not in order of time; each change of owner must be later than the one before")


def _parameters(link: Link, form: _Form) -> None:
    for name, value in link.utm:
        form.word(name, "utm", UTM_NAMES)
        if len(value) > MAX_UTM or not value.isprintable():
            form.wrong(name, f"give at most {MAX_UTM} printable characters")
    form.different((name for name, _ in link.utm), "utm")
    form.count(link.pass_params, "pass_params", MAX_PASS_PARAMS)
    form.different(link.pass_params, "pass_params")
    for name in link.pass_params:
        if not _PARAMETER.fullmatch(name):
            form.wrong("pass_params", f"{name[:40]!r}: a name has 1 to 64 letters, digits, _ . or -")
        if name == TOKEN_PARAMETERS.get(link.kind):
            form.wrong("pass_params", f"{name!r} carries the click token; leave it out")


def _when(link: Link, form: _Form) -> None:
    form.moment(link.valid_from_ms, "valid_from")
    form.moment(link.valid_until_ms, "valid_until")
    if None not in (link.valid_from_ms, link.valid_until_ms) and link.valid_from_ms >= link.valid_until_ms:  # type: ignore[operator]
        form.wrong("valid_until", "is not after valid_from; the link would never work")
    if link.hours is not None:
        start, end = link.hours
        if not (0 <= start < 1440 and 0 <= end <= 1440) or start == end:
            form.wrong("hours", "give two different times of the day, like 09:00-21:30")


def _destinations(link: Link, form: _Form) -> Link:
    form.different(link.platforms, "platforms")
    for platform in link.platforms:
        form.word(platform, "platforms", PLATFORMS)
    form.different((platform for platform, _ in link.platform_urls), "platform_urls")
    for platform, _ in link.platform_urls:
        form.word(platform, "platform_urls", PLATFORMS)
    form.count(link.country_urls, "country_urls", MAX_COUNTRIES)
    form.different((country for country, _ in link.country_urls), "country_urls")
    for country, _ in link.country_urls:
        if country not in COUNTRIES:
            form.wrong("country_urls", f"{country[:40]!r} is no country; give ISO 3166 codes like CN")
    _variants(link.variants, form)
    return replace(
        link,
        url=form.url(link.url, "url"),
        fallback_url=form.url(link.fallback_url, "fallback_url") if link.fallback_url else "",
        platform_urls=tuple((name, form.url(url, "platform_urls")) for name, url in link.platform_urls),
        country_urls=tuple((name, form.url(url, "country_urls")) for name, url in link.country_urls),
        variants=tuple(replace(variant, url=form.url(variant.url, "variants")) for variant in link.variants),
    )


def _variants(variants: tuple[Variant, ...], form: _Form) -> None:
    form.count(variants, "variants", MAX_VARIANTS)
    form.different((variant.name for variant in variants), "variants")
    for variant in variants:
        form.id(variant.name, "variants")
        if not 1 <= variant.weight <= MAX_WEIGHT:
            form.wrong("variants", f"weight {variant.weight} of {variant.name[:40]!r} is not in 1..{MAX_WEIGHT}")


def _token_fits(link: Link, form: _Form) -> None:
    """The destination must take the token from us, so it cannot have that parameter already."""
    name = TOKEN_PARAMETERS.get(link.kind, "")
    targets = [("url", link.url), *(("variants", variant.url) for variant in link.variants)]
    targets += [("platform_urls", url) for _, url in link.platform_urls]
    targets += [("country_urls", url) for _, url in link.country_urls]
    for field, url in targets:
        if name in query_names(url):
            form.wrong(field, f"has {name!r} in its query, which carries the click token; remove it")
