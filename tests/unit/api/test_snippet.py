"""How the script of landing pages is served; what it does stands in tests/e2e/test_snippet_in_browser.py."""

import re
from importlib.resources import files

import httpx
import pytest

from stream.api.snippet import served
from tests.support.api import Api


@pytest.fixture
def client() -> httpx.AsyncClient:
    return Api().client(headers={})


async def test_it_is_small_public_and_may_be_kept_for_an_hour(client: httpx.AsyncClient) -> None:
    answer = await client.get("/snippet.js")
    assert answer.status_code == 200
    assert len(answer.content) < 2048
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


async def test_a_browser_that_has_it_is_not_sent_it_again(client: httpx.AsyncClient) -> None:
    tag = (await client.get("/snippet.js")).headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = await client.get("/snippet.js", headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
    assert (await client.get("/snippet.js", headers={"If-None-Match": '"other"'})).status_code == 200


def test_it_keeps_to_what_old_web_views_understand() -> None:
    source = re.sub(r"/\*.*?\*/", "", files("stream.api").joinpath("snippet.js").read_text(), flags=re.DOTALL)
    assert not re.search(
        r"=>|`|\.\.\.|\?\.|\?\?|//|\b(let|const|class|async|await|of|fetch|Promise|URLSearchParams)\b", source
    )


def test_strings_and_patterns_are_served_as_they_are_written() -> None:
    source = files("stream.api").joinpath("snippet.js").read_text()
    strings = re.findall(r'"[^"\n]*"|\'[^\'\n]*\'', re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL))
    text = served(source).decode()
    assert [one for one in strings if one not in text] == []
    assert r"/[?&]ct=([\w-]{30})(&|$)/" in text
    assert "/*" not in text.replace("[src*=", "")
