"""Registry values for property tests: everything that the topic may hold."""

from typing import Any

from hypothesis import strategies as st

from schemas.registry import (
    DESTINATION_KINDS,
    MAX_NUMBER,
    PLATFORMS,
    TOUCHPOINTS,
    UTM_NAMES,
    ApiKey,
    Campaign,
    Guide,
    Link,
    Numbers,
    Owner,
    Record,
    Salt,
    Store,
    Variant,
)

ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,12}", fullmatch=True)
codes = st.from_regex(r"[A-Za-z0-9_-]{1,10}", fullmatch=True)
names = st.text(st.characters(exclude_categories=["C"]), max_size=20)
days = st.just("") | st.dates().map(lambda day: day.isoformat())
amounts = st.just("") | st.from_regex(r"[0-9]{1,8}(\.[0-9]{1,4})?", fullmatch=True)
urls = st.from_regex(r"https://[!-~]{1,40}", fullmatch=True)
moments = st.integers(0, 2**53)


def maps(keys: Any, values: Any) -> st.SearchStrategy[tuple[tuple[str, str], ...]]:
    """Pairs with different keys."""
    return st.dictionaries(keys, values, max_size=3).map(lambda pairs: tuple(pairs.items()))


def links(code: st.SearchStrategy[str] = codes) -> st.SearchStrategy[Link]:
    """Links of all forms."""
    owners = st.dictionaries(moments, st.just("") | ids, max_size=4).map(
        lambda found: tuple(Owner(found[at], at) for at in sorted(found))
    )
    return st.builds(
        Link,
        code=code,
        number=st.integers(1, MAX_NUMBER),
        kind=st.sampled_from(sorted(DESTINATION_KINDS)),
        url=urls,
        owners=owners,
        campaign_id=st.just("") | ids,
        touchpoint=st.just("") | st.sampled_from(sorted(TOUCHPOINTS)),
        utm=maps(st.sampled_from(UTM_NAMES), names),
        pass_params=st.lists(st.from_regex(r"[A-Za-z0-9_.-]{1,8}", fullmatch=True), max_size=3).map(tuple),
        valid_from_ms=st.none() | moments,
        valid_until_ms=st.none() | moments,
        hours=st.none() | st.tuples(st.integers(0, 1439), st.integers(0, 1440)),
        disabled=st.booleans(),
        fallback_url=st.just("") | urls,
        platforms=st.lists(st.sampled_from(sorted(PLATFORMS)), max_size=3).map(tuple),
        platform_urls=maps(st.sampled_from(sorted(PLATFORMS)), urls),
        country_urls=maps(st.from_regex(r"[A-Z]{2}", fullmatch=True), urls),
        variants=st.lists(st.builds(Variant, ids, st.integers(1, 10_000), urls), max_size=3).map(tuple),
        status=st.sampled_from([302, 307]),
    )


def records() -> st.SearchStrategy[Record]:
    """Any record."""
    return st.one_of(
        links(),
        st.builds(Store, ids, names, ids, names, st.booleans()),
        st.builds(Guide, ids, names, ids, days, amounts, st.just("CNY"), ids, st.booleans()),
        st.builds(Campaign, ids, names, days, days, amounts, st.just("EUR"), st.booleans()),
        st.builds(Salt, st.dates().map(lambda day: day.isoformat()), st.binary(min_size=16, max_size=64)),
        st.builds(Numbers, st.integers(0, MAX_NUMBER)),
        st.builds(
            ApiKey,
            st.from_regex(r"[A-Za-z0-9][A-Za-z0-9.-]{0,12}", fullmatch=True),
            names,
            st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
            st.lists(st.from_regex(r"[a-z_]{1,8}:[a-z_]{1,8}", fullmatch=True), max_size=3).map(tuple),
            moments,
            st.booleans(),
        ),
    )
