import base64
import hashlib
import re
from typing import get_args

import pytest

from schemas.clicks import OUTCOMES
from stream.edge.pages import CONTENT_SECURITY_POLICY, Kind, page

KINDS: list[Kind] = sorted({kind for part in get_args(Kind) for kind in get_args(part)} - {"redirected"})


@pytest.mark.parametrize("kind", KINDS)
def test_every_page_speaks_both_languages_and_asks_nobody_for_anything(kind: Kind) -> None:
    text = page(kind, "wechat", ("mobile", "wecom"), "https://go.example.com/a8Xk2Pq", (540, 1320)).body.decode()
    assert re.search("[\u4e00-\u9fff]", text)
    assert '<section lang="en">' in text
    assert "viewport" in text
    assert not re.search(r"<(script|img|link|iframe|form|a)\b|url\(|@import|\son\w+=", text)
    assert len(text.encode()) < 4096


def test_every_outcome_has_a_page() -> None:
    assert OUTCOMES - {"redirected"} <= set(KINDS)


def test_the_policy_lets_this_style_in_and_nothing_else() -> None:
    style = re.search(r"<style>(.*?)</style>", page("unknown").body.decode(), re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY


def test_in_wechat_a_page_says_how_to_get_to_the_browser() -> None:
    text = page("wrong_platform", "wechat", ("mobile", "desktop"), "https://go.example.com/x").body.decode()
    assert "在浏览器打开" in text
    assert "Open in browser" in text
    assert "https://go.example.com/x" in text


def test_in_a_browser_a_page_names_the_app_instead() -> None:
    text = page("wrong_platform", "mobile", ("wechat", "wecom"), "https://go.example.com/x").body.decode()
    assert "微信、企业微信" in text
    assert "It opens in WeChat or WeCom." in text
    assert "在浏览器打开" not in text


def test_opening_hours_are_shown() -> None:
    assert "22:00–06:30" in page("out_of_hours", "", (), "", (22 * 60, 6 * 60 + 30)).body.decode()


def test_what_gets_into_a_page_is_escaped() -> None:
    text = page("wrong_platform", "wechat", ("mobile",), '"><script>alert(1)</script>').body.decode()
    assert "<script" not in text
