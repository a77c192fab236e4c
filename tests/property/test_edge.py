"""Whatever a request holds: the answer leads to the registered host, the record fits its contract, nothing breaks."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from hypothesis import given
from hypothesis import strategies as st

from schemas.clicks import decode_click
from schemas.registry import DESTINATION_KINDS, TOKEN_PARAMETERS, Link, Variant
from schemas.token import Signer
from stream.base.settings import load
from stream.edge.decide import decide
from stream.edge.handler import Handler
from stream.edge.location import target
from tests.support.edge import NOW_MS, TOKEN, Answer, Kept, Registry, Scope, facts, planned, snapshot
from tests.support.registry import link

HOSTS = {"shop.example.com", "p.example.com", "c.example.com", "v.example.com", "fallback.example.com"}
LINK = link(
    pass_params=("a", "utm_source", "ct", "x.y-z"),
    platform_urls=(("mobile", "https://p.example.com/"),),
    country_urls=(("US", "https://c.example.com/?a=1#f"),),
    variants=(Variant("v", 1, "https://v.example.com/v"),),
)
KEPT_AWAY = link(
    "refused", 2, platforms=("dingtalk",), fallback_url="https://fallback.example.com/", pass_params=("a",)
)
# What a server lets through: any path and query, header values of printable ASCII and tabs.
values = st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\t"), max_size=300)
hostile = st.sampled_from(["\r\nLocation: https://evil.example", "%0d%0aSet-Cookie:x=1", "//evil.example", "\x00", "é"])
queries = st.lists(
    st.tuples(st.sampled_from(["a", "utm_source", "ct", "x.y-z", "zz"]), st.text(max_size=50) | hostile), max_size=8
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
paths = st.sampled_from(["/a8Xk2Pq", "/refused", "/a8Xk2Pq/"]) | st.text(max_size=100).map(lambda text: "/" + text)
names = st.sampled_from(
    ["User-Agent", "Accept-Language", "Referer", "Cookie", "X-Forwarded-For", "Host", "Sec-Purpose", "X-Forwarded-Host"]
)
CONFIG = load({"GUIDESTREAM_EDGE_TRUSTED_PROXIES": "1"})


@given(
    paths,
    queries | st.text(max_size=200),
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.lists(st.tuples(names, values), max_size=8),
    st.sampled_from(["1.2.3.4:5", "[2001:db8::1]:5", "", "nonsense"]),
)
def test_no_request_can_lead_elsewhere_or_break_a_header(
    path: str, query: str, method: str, lines: list[tuple[str, str]], client: str
) -> None:
    kept, answer = Kept(), Answer()
    handler = Handler(CONFIG, Registry(snapshot(LINK, KEPT_AWAY)), kept, Signer(1, b"k" * 32, 0), clock=lambda: NOW_MS)
    handler.handle(Scope(path, query, method, client, lines), answer)
    for name, value in answer.header_lines:
        assert (name + value).isascii()
        assert (name + value).isprintable()
    if answer.status == 302:
        location = answer.headers["location"]
        parts = urlsplit(location)
        assert parts.scheme == "https"
        assert parts.hostname in HOSTS
        assert parse_qs(parts.query)["ct"] == [kept.records[0][1]["id"]]
    for _, click in kept.records:
        assert decode_click(orjson.dumps(click), NOW_MS, 0) == click


@given(st.builds(facts, query=queries, user_agent=values, visitor=values), st.sampled_from([LINK, KEPT_AWAY]))
def test_the_same_request_is_decided_the_same(request: Any, made: Link) -> None:
    assert decide(request, planned(made), NOW_MS, TOKEN) == decide(request, planned(made), NOW_MS, TOKEN)


printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60)


@given(printable, st.sampled_from(sorted(DESTINATION_KINDS)), st.dictionaries(st.sampled_from("abc"), st.text()))
def test_whatever_is_registered_a_usable_destination_keeps_its_host_and_carries_the_token(
    rest: str, kind: str, added: dict[str, str]
) -> None:
    url = f"https://shop.example.com{rest}"
    found = target(url, kind, added)
    if found is None:
        return
    location = f"{found.head}{TOKEN}{found.tail}"
    parts = urlsplit(location)
    assert location.isascii()
    assert location.isprintable()
    assert parts.hostname == (urlsplit(url).hostname or "")
    carried = parse_qs(parts.query, keep_blank_values=True)[TOKEN_PARAMETERS[kind]]
    assert carried[-1] == TOKEN or (kind == "mini_program" and parse_qs(carried[-1])["ct"][-1] == TOKEN)
