"""What people see: a real browser on a phone's screen against a real edge, without Kafka."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Browser, Response

from schemas.registry import Link
from schemas.token import verify
from tests.support.browser import Visitor, chromium, visitor
from tests.support.edge import SAFARI, WECHAT, EdgeProcess, edge_process, seed
from tests.support.registry import link, owned

LINKS: tuple[Link, ...] = (
    owned("g1", url="https://shop.example.com/p/1?%E9%A2%9C%E8%89%B2=%E7%BA%A2"),
    link("disabled", 2, disabled=True),
    link("expired", 3, valid_until_ms=1_000),
    link("not-yet", 4, valid_from_ms=2**52),
    link("closed", 5, hours=(600, 600)),
    link("browsers-only", 6, platforms=("mobile", "desktop")),
    link("w" * 32, 7, platforms=("wechat", "wecom", "douyin", "xiaohongshu", "alipay")),
)
PAGES = {
    "disabled": (410, "链接已停用", "This link is no longer in use"),
    "expired": (410, "链接已过期", "This link has expired"),
    "not-yet": (200, "还没有开始", "Not open yet"),
    "closed": (200, "当前不在开放时间", "Outside opening hours"),
    "w" * 32: (200, "请换一种方式打开", "Please open it another way"),
    "no-such-link": (404, "链接不存在", "No such link"),
}
"""Path: status and titles."""
INTRUSION = """() => new Promise(done => {
    const refused = []
    document.addEventListener("securitypolicyviolation", event => {
        if (refused.push(event.effectiveDirective) === 4) done(refused)
    })
    document.body.insertAdjacentHTML("beforeend",
        "<style>main{display:none}</style><iframe src='/robots.txt'></iframe><img src='/a.png'>")
    const script = document.createElement("script")
    script.textContent = "document.title = 'taken over'"
    document.body.append(script)
})"""
"""Puts what must not work into a page; gives the four directives of the page's policy that kept it out."""


@pytest.fixture
def edge(environ: dict[str, str]) -> Iterator[EdgeProcess]:
    """An edge that finds a registry on disk and no Kafka."""
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = "127.0.0.1:1"
    environ["GUIDESTREAM_EDGE_PUBLIC_URL"] = "https://go.brand.example.com"
    seed(environ, *LINKS)
    with edge_process(environ) as running:
        yield running


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def opened(somebody: Visitor, edge: EdgeProcess, path: str) -> Response:
    answer = await somebody.tab.goto(f"{edge.url}/{path}")
    assert answer is not None
    return answer


async def shown(somebody: Visitor, *texts: str) -> None:
    for text in texts:
        assert await somebody.tab.get_by_text(text).first.is_visible(), text


async def sideways(somebody: Visitor) -> int:
    """CSS pixels by which the page is wider than the screen."""
    assert somebody.tab.viewport_size is not None
    # Not `innerWidth`: a phone zooms out until a page that is too wide fits into it.
    return (
        int(await somebody.tab.evaluate("document.documentElement.scrollWidth")) - somebody.tab.viewport_size["width"]
    )


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_speaks_both_languages_fits_a_phone_and_loads_nothing(
    edge: EdgeProcess, browser: Browser, path: str
) -> None:
    status, chinese, english = PAGES[path]
    async with visitor(browser, user_agent=SAFARI) as somebody:
        answer = await opened(somebody, edge, path)
        assert answer.status == status
        await shown(somebody, chinese, english)
        assert await somebody.tab.title() == f"{chinese} · {english}"
        assert await sideways(somebody) <= 0
        await somebody.tab.set_viewport_size({"width": 320, "height": 568})
        assert await sideways(somebody) <= 0
        assert set(somebody.requested) == {f"{edge.url}/{path}"}
        # The browser itself writes a line for an answer that is an error.
        assert [text for text in somebody.complaints if str(status) not in text] == []


async def test_what_gets_into_a_page_can_neither_run_nor_load(edge: EdgeProcess, browser: Browser) -> None:
    async with visitor(browser) as somebody, asyncio.timeout(60):
        await opened(somebody, edge, "expired")
        assert await somebody.tab.evaluate("getComputedStyle(document.querySelector('main')).borderRadius") == "16px"
        refused = await somebody.tab.evaluate(INTRUSION)
        assert sorted(refused) == ["frame-src", "img-src", "script-src-elem", "style-src-elem"]
        assert await somebody.tab.title() == "链接已过期 · This link has expired"
        await shown(somebody, "链接已过期")


async def test_wechat_shows_how_to_open_a_link_that_wants_a_browser(edge: EdgeProcess, browser: Browser) -> None:
    async with visitor(browser, user_agent=WECHAT) as somebody:
        assert (await opened(somebody, edge, "browsers-only")).status == 200
        await shown(
            somebody,
            "请点击右上角 “···”，选择“在浏览器打开”。",
            "Tap “···” in the upper right corner and choose “Open in browser”.",
            "https://go.brand.example.com/browsers-only",
        )
        assert await sideways(somebody) <= 0
        assert somebody.complaints == []
    [click] = edge.clicks()
    assert (click["outcome"], click["fetch"]) == ("wrong_platform", "navigate")


async def test_a_browser_is_sent_on_with_its_token_and_known_again(edge: EdgeProcess, browser: Browser) -> None:
    async with visitor(browser, user_agent=SAFARI) as somebody:
        arrived = await shop_of(somebody)
        for _ in range(2):
            await opened(somebody, edge, "a8Xk2Pq")
            assert await somebody.tab.inner_text("h1") == "商品"
        [cookie] = await somebody.context.cookies(edge.url)
        await opened(somebody, edge, "no-such-link")
        assert await somebody.tab.evaluate("document.cookie") == ""
        assert await somebody.context.cookies("https://shop.example.com/") == []
    first, second = edge.clicks()
    assert (cookie["name"], cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == ("gs_vid", True, True, "Lax")
    assert first["visitor"] == second["visitor"] == cookie["value"]
    assert first["visitor_kind"] == second["visitor_kind"] == "cookie"
    for request, click in zip(arrived, (first, second), strict=True):
        query = parse_qs(urlsplit(request["url"]).query)
        assert query == {"颜色": ["红"], "ct": [click["id"]]}
        assert verify(click["id"], {1: b"\xab" * 32}).link_number == 1
        assert not {"referer", "cookie"} & {name.lower() for name in request["headers"]}


async def shop_of(somebody: Visitor) -> list[dict[str, Any]]:
    """Answer for the destination, which cannot be reached from here; returns the requests that it gets, as a list."""
    # Playwright's routes do not see the request that follows a redirect; the browser's own protocol does.
    protocol = await somebody.context.new_cdp_session(somebody.tab)
    requests: list[dict[str, Any]] = []

    async def fulfil(paused: dict[str, Any]) -> None:
        if paused["resourceType"] == "Document":  # its icon is asked for too
            requests.append(paused["request"])
        await protocol.send(
            "Fetch.fulfillRequest",
            {
                "requestId": paused["requestId"],
                "responseCode": 200,
                "responseHeaders": [{"name": "Content-Type", "value": "text/html; charset=utf-8"}],
                "body": "PGgxPuWVhuWTgTwvaDE+",  # <h1>商品</h1>
            },
        )

    protocol.on("Fetch.requestPaused", fulfil)
    await protocol.send("Fetch.enable", {"patterns": [{"urlPattern": "https://shop.example.com/*"}]})
    return requests
