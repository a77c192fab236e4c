import re
from datetime import datetime
from typing import Any

import pytest

from schemas.registry import Record, Salt
from schemas.token import Signer, verify
from stream.base.errors import SpoolFullError
from stream.base.platforms import platform_of
from stream.base.settings import Settings, load
from stream.edge.handler import Handler
from stream.edge.unknown import ROBOTS
from stream.enrich.bots import verdict_of
from stream.registry.snapshot import Snapshot
from tests.support.edge import NOW_MS, SAFARI, WECHAT, Answer, Kept, Registry, Scope, snapshot
from tests.support.registry import guide, link, owned, store

KEY = b"k" * 32


class Edge:
    """A handler with everything around it in memory."""

    def __init__(self, *records: Record, **edge: Any) -> None:
        settings = load({f"GUIDESTREAM_EDGE_{name.upper()}": str(value) for name, value in edge.items()})
        self.now_ms = NOW_MS
        self.zone = settings.brand.zone
        self.registry = Registry(snapshot(*records))
        self.kept = Kept()
        self.handler = self.made(settings)

    def made(self, settings: Settings) -> Handler:
        return Handler(settings, self.registry, self.kept, Signer(1, KEY, 7), clock=lambda: self.now_ms)

    def get(self, path: str, query: str = "", **fields: Any) -> Answer:
        answer = Answer()
        self.handler.handle(Scope(path, query, **fields), answer)
        assert answer.status
        return answer

    @property
    def clicks(self) -> list[dict[str, Any]]:
        return [click for _, click in self.kept.records]


def headers(**more: str) -> list[tuple[str, str]]:
    found = {"User-Agent": WECHAT, "Accept-Language": "zh-CN", **{k.replace("_", "-"): v for k, v in more.items()}}
    return list(found.items())


def test_a_tap_is_kept_and_answered() -> None:
    edge = Edge(owned("g1"))
    answer = edge.get("/a8Xk2Pq")
    assert answer.status == 302
    assert list(answer.headers) == ["location", "cache-control", "referrer-policy", "set-cookie"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    [(key, click)] = edge.kept.records
    assert key == b"g1"
    assert answer.headers["location"].endswith(f"ct={click['id']}")
    token = verify(click["id"], {1: KEY})
    assert (token.link_number, token.at_ms, token.edge, token.key_id) == (1, NOW_MS, 7, 1)


def test_no_two_taps_have_the_same_token() -> None:
    edge = Edge(link())
    for _ in range(1000):
        edge.get("/a8Xk2Pq")
    assert len({click["id"] for click in edge.clicks}) == 1000


def test_a_new_visitor_gets_the_cookie_that_is_recorded_and_keeps_it() -> None:
    edge = Edge(link())
    cookie = edge.get("/a8Xk2Pq").headers["set-cookie"].partition(";")[0]
    again = edge.get("/a8Xk2Pq", header_lines=headers(Cookie=f"a=b; {cookie}"))
    assert "set-cookie" not in again.headers
    assert [click["visitor"] for click in edge.clicks] == [cookie.removeprefix("gs_vid=")] * 2
    assert [click["visitor_kind"] for click in edge.clicks] == ["cookie", "cookie"]


def test_new_visitors_are_told_apart() -> None:
    edge = Edge(link())
    for _ in range(600):
        edge.get("/a8Xk2Pq")
    assert len({click["visitor"] for click in edge.clicks}) == 600


@pytest.mark.parametrize(
    ("fetch", "fields"),
    [
        ("head", {"method": "HEAD"}),
        ("prefetch", {"header_lines": headers(Sec_Purpose="prefetch;prerender")}),
        ("prefetch", {"header_lines": headers(Purpose="prefetch")}),
        ("prefetch", {"header_lines": headers(X_Moz="prefetch")}),
        ("preview", {"header_lines": [("User-Agent", "Slackbot-LinkExpanding 1.0")]}),
    ],
)
def test_who_looks_before_a_tap_is_answered_recorded_and_given_no_cookie(fetch: str, fields: dict[str, Any]) -> None:
    edge = Edge(link())
    answer = edge.get("/a8Xk2Pq", **fields)
    assert answer.status == 302
    assert "set-cookie" not in answer.headers
    assert (edge.clicks[0]["fetch"], edge.clicks[0]["visitor_kind"]) == (fetch, "hash")


def test_a_prefetch_of_a_known_visitor_is_that_visitors() -> None:
    edge = Edge(link())
    edge.get("/a8Xk2Pq", header_lines=headers(Cookie="gs_vid=" + "x" * 24, Sec_Purpose="prefetch"))
    assert (edge.clicks[0]["visitor"], edge.clicks[0]["visitor_kind"]) == ("x" * 24, "cookie")


def test_without_cookies_visitors_are_hashes_with_the_days_salt() -> None:
    edge = Edge(link(), Salt("2026-09-21", b"a" * 32), Salt("2026-09-22", b"b" * 32), visitor_cookie="")
    for client in ("1.2.3.4:1", "1.2.3.4:2", "1.2.3.5:1"):
        assert "set-cookie" not in edge.get("/a8Xk2Pq", client=client).headers
    edge.now_ms += 86_400_000
    edge.get("/a8Xk2Pq", client="1.2.3.4:1")
    one, same, neighbour, next_day = (click["visitor"] for click in edge.clicks)
    assert one == same
    assert len({one, neighbour, next_day}) == 3
    assert {click["visitor_kind"] for click in edge.clicks} == {"hash"}


def test_a_hash_lasts_the_brands_day_whatever_the_clock_does() -> None:
    edge = Edge(link(), Salt("2026-09-21", b"a" * 32), Salt("2026-09-22", b"b" * 32), visitor_cookie="")
    midnight = int(datetime(2026, 9, 22, tzinfo=edge.zone).timestamp() * 1000)
    morning = midnight + 8 * 3_600_000  # midnight in UTC
    for edge.now_ms in (morning - 1, morning, midnight - 1, midnight):
        edge.get("/a8Xk2Pq")
    before, after, the_day_before, again = (click["visitor"] for click in edge.clicks)
    assert before == after == again != the_day_before


def test_a_cookie_header_that_cannot_be_read_is_a_visitor_of_the_day_and_not_a_new_one_each_time() -> None:
    edge = Edge(link())
    for cookie in ("nick=李; gs_vid=" + "x" * 24, "nick=李"):
        assert "set-cookie" not in edge.get("/a8Xk2Pq", header_lines=headers(Cookie=cookie)).headers
    assert "set-cookie" in edge.get("/a8Xk2Pq", header_lines=headers(Cookie="")).headers
    one, same, new = edge.clicks
    assert [click["visitor_kind"] for click in edge.clicks] == ["hash", "hash", "cookie"]
    assert one["visitor"] == same["visitor"] != new["visitor"]


def test_an_app_that_cannot_be_read_is_refused_nowhere_and_no_robot() -> None:
    edge = Edge(link(platforms=("wechat",), platform_urls=(("qq", "https://qq.example.com/"),)))
    lines = [("User-Agent", WECHAT.replace("iPhone", "荣耀80")), ("Accept-Language", "zh-CN")]
    assert edge.get("/a8Xk2Pq", header_lines=lines).headers["location"].startswith("https://shop.example.com/p/1?")
    for unknown in ([("User-Agent", "")], []):
        assert edge.get("/a8Xk2Pq", header_lines=unknown).status == 200
    assert [click["outcome"] for click in edge.clicks] == ["redirected", "wrong_platform", "wrong_platform"]
    assert [click.get("ua") for click in edge.clicks] == ["(unreadable)", None, None]
    assert platform_of("(unreadable)") == "other"
    assert verdict_of("(unreadable)", "navigate", no_language=False).is_human


def test_edges_with_the_same_salt_agree_about_a_visitor() -> None:
    edges = [Edge(link(), Salt("2026-09-21", b"a" * 32), visitor_cookie="") for _ in range(2)]
    for edge in edges:
        edge.get("/a8Xk2Pq")
    assert edges[0].clicks[0]["visitor"] == edges[1].clicks[0]["visitor"]


def test_a_salt_that_changes_with_the_registry_is_taken_up() -> None:
    edge = Edge(link(), Salt("2026-09-21", b"a" * 32), visitor_cookie="")
    edge.get("/a8Xk2Pq")
    edge.registry.snapshot = snapshot(link(), Salt("2026-09-21", b"b" * 32))
    edge.get("/a8Xk2Pq")
    assert edge.clicks[0]["visitor"] != edge.clicks[1]["visitor"]


def test_the_cookie_is_secure_behind_https_only() -> None:
    assert "; Secure" in Edge(link(), public_url="https://go.example.com").get("/a8Xk2Pq").headers["set-cookie"]
    assert "; Secure" not in Edge(link()).get("/a8Xk2Pq").headers["set-cookie"]


def test_no_full_address_is_written() -> None:
    edge = Edge(link(), trusted_proxies=1)
    edge.get("/a8Xk2Pq", header_lines=headers(X_Forwarded_For="6.6.6.6, 203.0.113.77"), client="10.1.1.1:9")
    [click] = edge.clicks
    assert click["ip"] == "203.0.113.0/24"
    assert "203.0.113.77" not in str(click)


def test_without_trusted_proxies_forwarded_headers_say_nothing() -> None:
    edge = Edge(link())
    edge.get("/a8Xk2Pq", header_lines=headers(X_Forwarded_For="6.6.6.6", Forwarded="for=6.6.6.6"))
    assert edge.clicks[0]["ip"] == "114.114.114.0/24"


def test_texts_are_cut_and_the_referrer_loses_its_query() -> None:
    edge = Edge(link())
    lines = [
        ("User-Agent", "u" * 9000),
        ("Accept-Language", "l" * 9000),
        ("Referer", "https://a.example/path?secret=1#x" + "r" * 900),
    ]
    edge.get("/a8Xk2Pq", header_lines=lines)
    [click] = edge.clicks
    assert (len(click["ua"]), len(click["lang"]), click["ref"]) == (512, 64, "https://a.example/path")


def test_a_full_spool_does_not_keep_a_visitor_from_the_destination() -> None:
    edge = Edge(link())

    def full(key: bytes, value: bytes) -> None:
        raise SpoolFullError("full")

    edge.kept.append = full  # type: ignore[method-assign]
    assert edge.get("/a8Xk2Pq").status == 302


def test_a_page_is_kept_and_shown() -> None:
    edge = Edge(link(disabled=True))
    answer = edge.get("/a8Xk2Pq")
    assert answer.status == 410
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert edge.clicks[0]["outcome"] == "disabled"
    assert "set-cookie" in answer.headers


def test_an_unknown_code_is_a_page_and_never_a_record() -> None:
    edge = Edge(link())
    for number in range(500):
        answer = edge.get(f"/nope{number}")
        assert answer.status == 404
        assert "set-cookie" not in answer.headers
    assert edge.clicks == []
    assert re.search("[\u4e00-\u9fff]", answer.body.decode())


def test_what_every_browser_and_robot_asks_for_is_answered() -> None:
    edge = Edge()
    assert edge.get("/favicon.ico").status == 204
    assert edge.get("/robots.txt").body == ROBOTS
    assert edge.clicks == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO", "get"])
def test_a_link_can_be_got_and_nothing_else(method: str) -> None:
    edge = Edge(link())
    answer = edge.get("/a8Xk2Pq", method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert edge.clicks == []


def test_what_is_too_long_is_not_looked_at() -> None:
    edge = Edge(link(pass_params=("x",)))
    assert edge.get("/a8Xk2Pq", "x=" + "y" * 2047).status == 414
    assert edge.get("/" + "a" * 256).status == 414
    assert edge.get("/a8Xk2Pq", "x=" + "y" * 2046).status == 302
    assert len(edge.clicks) == 1


def test_without_a_registry_visitors_are_asked_to_come_back() -> None:
    edge = Edge()
    edge.registry = Registry(Snapshot(), ready=False)
    edge.handler = edge.made(load({}))
    answer = edge.get("/a8Xk2Pq")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


def test_a_changed_registry_is_in_force_with_the_next_tap() -> None:
    edge = Edge(link())
    edge.get("/a8Xk2Pq")
    edge.registry.snapshot = snapshot(owned("g2", url="https://new.example.com/"), guide("g2", "s2"), store("s2"))
    assert edge.get("/a8Xk2Pq").headers["location"].startswith("https://new.example.com/")
    assert edge.clicks[1]["guide"] == "g2"
    edge.registry.snapshot = snapshot()
    assert edge.get("/a8Xk2Pq").status == 404


def test_a_mobile_browser_and_wechat_are_told_apart() -> None:
    edge = Edge(link(platforms=("mobile",)))
    assert edge.get("/a8Xk2Pq", header_lines=[("User-Agent", SAFARI)]).status == 302
    assert edge.get("/a8Xk2Pq").status == 200
