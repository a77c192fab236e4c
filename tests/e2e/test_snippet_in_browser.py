"""The script of landing pages in a real browser: what it sends, and what it does not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Response
from playwright.async_api import Browser

from schemas.personal import phone_hashes
from schemas.token import Signer
from stream.api.server import Server
from tests.support.api import NOW, PERSON_KEYS, Api
from tests.support.browser import Visitor, chromium, visitor
from tests.support.edge import SAFARI, WECHAT
from tests.support.waiting import eventually

TOKEN = Signer(1, bytes.fromhex("ab" * 32), 0).sign(7, NOW - 60_000, 1)


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The URL under which an application answers on loopback."""
    listening = socket.create_server(("127.0.0.1", 0))
    until = asyncio.Event()
    port = listening.getsockname()[1]
    running = asyncio.create_task(Server(app, listening, max_connections=100).run(until, stop_seconds=5))
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        until.set()
        await running


class Shop:
    """A landing page of another origin than the API's, and what the API was told."""

    def __init__(self, api: Api, url: str) -> None:
        self.api, self.url = api, url

    @property
    def told(self) -> list[dict[str, Any]]:
        """Events that the API keeps, in order."""
        return [event for _, event in self.api.kept.records]

    async def hears(self, count: int) -> list[dict[str, Any]]:
        """Wait for so many events."""
        await eventually(lambda: len(self.told) >= count)
        return self.told


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    api, pages = Api(), FastAPI()
    async with served(api.app) as api_url, served(pages) as url:

        @pages.get("/{path:path}")
        async def page(path: str) -> Response:
            consent = ' data-consent="required"' if path.startswith("asks") else ""
            script = f'<script src="{api_url}/snippet.js"{consent}></script>'
            return Response(f"<!doctype html><title>商品</title><h1>商品</h1>{script}", media_type="text/html")

        yield Shop(api, url)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def opened(somebody: Visitor, shop: Shop, path: str) -> None:
    await somebody.tab.goto(f"{shop.url}/{path}")
    assert await somebody.tab.inner_text("h1") == "商品"


async def left(somebody: Visitor) -> None:
    await somebody.tab.goto("about:blank")


async def stored(somebody: Visitor) -> list[str]:
    """Everything that a page may leave behind."""
    found: list[str] = await somebody.tab.evaluate(
        "Object.values(sessionStorage).concat(Object.values(localStorage), document.cookie || [])"
    )
    return found


def posted(somebody: Visitor) -> list[str]:
    return [url for url in somebody.requested if "/collect" in url]


@pytest.mark.parametrize("user_agent", [WECHAT, SAFARI], ids=["wechat", "safari"])
async def test_a_page_tells_how_long_it_was_seen_and_what_was_done_on_it(
    shop: Shop, browser: Browser, user_agent: str
) -> None:
    async with visitor(browser, user_agent=user_agent) as somebody:
        await opened(somebody, shop, f"p/1?utm=x&ct={TOKEN}&y=1")
        await somebody.tab.evaluate("guidestream.lead({phone: '138 0013 8000', name: '李娜', form: 'spring'})")
        await somebody.tab.evaluate("guidestream.share()")
        await somebody.tab.wait_for_timeout(300)
        assert len(await shop.hears(2)) == 2
        assert await stored(somebody) == []
        await left(somebody)
        lead, shared, view = await shop.hears(3)
        assert somebody.complaints == []
    assert {event["token"] for event in shop.told} == {TOKEN}
    assert len({event["event_id"] for event in shop.told}) == 3
    assert (lead["type"], lead["properties"]["form"]) == ("lead", "spring")
    assert lead["properties"]["phone_hash"] == phone_hashes("13800138000", PERSON_KEYS)[0]
    assert set(lead["properties"]) == {"phone_hash", "name_hash", "form"}
    assert shared["type"] == "shared"
    assert view["type"] == "page_view"
    assert view["properties"]["page"] == "/p/1"
    assert view["properties"]["dwell_ms"] >= 300


async def test_a_page_that_is_put_away_twice_is_one_view(shop: Shop, browser: Browser) -> None:
    async with visitor(browser, user_agent=WECHAT) as somebody:
        await opened(somebody, shop, f"p/1?ct={TOKEN}")
        hide = (
            "hidden => { Object.defineProperty(document, 'visibilityState', {value: hidden, configurable: true});"
            " document.dispatchEvent(new Event('visibilitychange')) }"
        )
        await somebody.tab.wait_for_timeout(20)
        await somebody.tab.evaluate(hide, "hidden")
        await shop.hears(1)
        await somebody.tab.evaluate(hide, "visible")
        await left(somebody)
        await opened(somebody, shop, f"p/2?ct={TOKEN}")
        await somebody.tab.wait_for_timeout(20)
        await left(somebody)
        assert [event["properties"]["page"] for event in await shop.hears(2)] == ["/p/1", "/p/2"]


async def test_before_consent_nothing_is_sent_and_nothing_stored(shop: Shop, browser: Browser) -> None:
    async with visitor(browser, user_agent=WECHAT) as somebody:
        await opened(somebody, shop, f"asks/1?ct={TOKEN}")
        await somebody.tab.evaluate("guidestream.lead({form: 'spring'})")
        assert await stored(somebody) == []
        await left(somebody)
        await opened(somebody, shop, "asks/2")
        await somebody.tab.evaluate("guidestream.consent(true)")
        await left(somebody)
        assert posted(somebody) == []
    assert shop.told == []


async def test_with_consent_all_is_told_and_the_token_goes_along_within_the_tab(shop: Shop, browser: Browser) -> None:
    async with visitor(browser, user_agent=WECHAT) as somebody:
        await opened(somebody, shop, f"asks/1?ct={TOKEN}")
        await somebody.tab.evaluate("guidestream.lead({form: 'spring'})")
        await somebody.tab.evaluate("guidestream.consent(true)")
        assert [event["type"] for event in await shop.hears(1)] == ["lead"]
        assert await stored(somebody) == [TOKEN]
        await left(somebody)
        await shop.hears(2)
        await opened(somebody, shop, "asks/2")
        await somebody.tab.evaluate("guidestream.consent(true); guidestream.share()")
        assert (await shop.hears(3))[-1]["token"] == TOKEN
        await somebody.tab.evaluate("guidestream.consent(false)")
        assert await stored(somebody) == []
        await somebody.tab.evaluate("guidestream.share(); guidestream.consent(true); guidestream.share()")
        await left(somebody)
        await shop.hears(5)
    assert [event["type"] for event in shop.told] == ["lead", "page_view", "shared", "shared", "page_view"]


@pytest.mark.parametrize("signal", ["doNotTrack: {value: '1'}", "globalPrivacyControl: {value: true}"])
async def test_who_asks_not_to_be_tracked_is_not(shop: Shop, browser: Browser, signal: str) -> None:
    async with visitor(browser) as somebody:
        await somebody.context.add_init_script(f"Object.defineProperties(navigator, {{{signal}}})")
        await opened(somebody, shop, f"asks/1?ct={TOKEN}")
        await somebody.tab.evaluate("guidestream.consent(true); guidestream.share(); guidestream.lead()")
        assert await stored(somebody) == []
        await left(somebody)
        assert posted(somebody) == []


async def test_who_came_without_a_short_link_is_of_no_interest(shop: Shop, browser: Browser) -> None:
    async with visitor(browser) as somebody:
        await opened(somebody, shop, "p/1?ct=tooshort&act=" + TOKEN)
        await somebody.tab.evaluate("guidestream.share()")
        await left(somebody)
        assert posted(somebody) == []
        assert somebody.complaints == []


async def test_an_old_web_view_tells_as_much(shop: Shop, browser: Browser) -> None:
    async with visitor(browser, user_agent=WECHAT) as somebody:
        await somebody.context.add_init_script(
            "delete Navigator.prototype.sendBeacon; delete Navigator.prototype.globalPrivacyControl;"
            "Object.defineProperty(window, 'crypto', {value: undefined});"
            "Object.defineProperty(document, 'currentScript', {value: null});"
            "Object.defineProperty(window, 'sessionStorage', {get() { throw new Error('forbidden') }})"
        )
        await opened(somebody, shop, f"p/1?ct={TOKEN}")
        await somebody.tab.evaluate("guidestream.consent(true); guidestream.share(); guidestream.share()")
        assert [event["type"] for event in await shop.hears(2)] == ["shared", "shared"]
        assert somebody.complaints == []
