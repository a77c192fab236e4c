"""A real browser, and what it did: requests, console messages, answers. It reaches this machine and nothing else."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

PHONE = (390, 844)
"""CSS pixels of a usual phone."""
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium with a user directory of its own; it is gone afterwards."""
    program = shutil.which("chromium")
    if program is None:
        pytest.fail("chromium is not installed: run `make test` as root once, or install Debian's package chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visitor:
    """Somebody with a browser of their own: a tab, and a record of what happened in it."""

    context: BrowserContext
    tab: Page
    requested: list[str] = field(default_factory=list)
    """URLs, in order."""
    complaints: list[str] = field(default_factory=list)
    """Console messages and uncaught errors."""


@asynccontextmanager
async def visitor(browser: Browser, *, user_agent: str | None = None) -> AsyncIterator[Visitor]:
    """Somebody new on a phone, without a cookie."""
    width, height = PHONE
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        device_scale_factor=2,
        is_mobile=True,
        has_touch=True,
        locale="zh-CN",
        user_agent=user_agent,
    )
    tab = await context.new_page()
    one = Visitor(context, tab)
    context.on("request", lambda request: one.requested.append(request.url))
    tab.on("console", lambda message: one.complaints.append(message.text))
    tab.on("pageerror", lambda error: one.complaints.append(str(error)))
    try:
        yield one
    finally:
        await context.close()
