"""The API's answers: pages, single things, errors."""

import httpx
import pytest

from schemas.registry import Guide, Link, Owner, Removed, Store
from stream.registry.snapshot import Builder, Snapshot
from tests.support.api import Api, Shown


def registry(count: int = 25) -> Snapshot:
    links = [Link(f"code{n:03}", n + 1, "web", f"https://shop.example/{n}") for n in range(count)]
    return Builder().add(Store("s1", "上海一店", "east"), Guide("g.1@x", "王芳", "s1"), *links).build(7)


@pytest.fixture
def api() -> Api:
    return Api(registry())


@pytest.fixture
def shown(api: Api) -> Shown:
    return api.shown


@pytest.fixture
def client(api: Api) -> httpx.AsyncClient:
    return api.client()


async def pages(client: httpx.AsyncClient, path: str, limit: int) -> list[list[str]]:
    found, cursor = [], ""
    while True:
        page = (await client.get(path, params={"cursor": cursor, "limit": limit})).json()
        found.append([item["code"] for item in page["items"]])
        cursor = page["next"]
        if not cursor:
            return found


@pytest.mark.parametrize(("limit", "sizes"), [(10, [10, 10, 5]), (25, [25]), (24, [24, 1]), (500, [25])])
async def test_pages_hold_everything_once_in_order(client: httpx.AsyncClient, limit: int, sizes: list[int]) -> None:
    found = await pages(client, "/v1/links", limit)
    assert [len(page) for page in found] == sizes
    assert [code for page in found for code in page] == [f"code{n:03}" for n in range(25)]


async def test_what_comes_or_goes_between_two_pages_doubles_and_hides_nothing_else(
    client: httpx.AsyncClient, shown: Shown
) -> None:
    first = (await client.get("/v1/links", params={"limit": 10})).json()
    shown.snapshot = (
        Builder(shown.snapshot)
        .add(Removed("link", "code009"), Removed("link", "code012"), Link("code010a", 99, "web", "https://x.example/"))
        .build(8)
    )
    second = (await client.get("/v1/links", params={"limit": 4, "cursor": first["next"]})).json()
    assert [item["code"] for item in second["items"]] == ["code010", "code010a", "code011", "code013"]


async def test_one_thing_has_all_its_fields(client: httpx.AsyncClient, shown: Shown) -> None:
    link = Link(
        "abc1234", 40, "web", "https://shop.example/?a=1", owners=(Owner("g.1@x", 5),), utm=(("utm_term", "秋"),)
    )
    shown.snapshot = Builder(shown.snapshot).add(link).build(8)
    found = (await client.get("/v1/links/abc1234")).json()
    assert found["short_url"] == "https://s.example/abc1234"
    assert found["owners"] == [{"guide_id": "g.1@x", "from_ms": 5}]
    assert found["utm"] == {"utm_term": "秋"}
    assert (found["status"], found["disabled"], found["hours"]) == (302, False, None)
    assert (await client.get("/v1/guides/g.1@x")).json()["name"] == "王芳"
    assert (await client.get("/v1/stores/s1")).json()["region_id"] == "east"


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("/v1/links/nosuch1", 404, "code"),
        ("/v1/guides/nobody", 404, "id"),
        ("/v1/guides/%20", 422, "id"),
        ("/v1/guides/" + "a" * 65, 422, "id"),
        ("/v1/guides?limit=0", 422, "limit"),
        ("/v1/guides?limit=501", 422, "limit"),
        ("/v1/guides?limit=x", 422, "limit"),
        ("/v1/guides?cursor=%00", 422, "cursor"),
        ("/v1/links?cursor=" + "a" * 65, 422, "cursor"),
        ("/v1/nothing", 404, ""),
        ("/v1/guides/", 404, ""),
        ("/docs", 404, ""),
    ],
)
async def test_every_error_is_a_problem_document_that_names_the_field(
    client: httpx.AsyncClient, path: str, status: int, field: str
) -> None:
    answer = await client.get(path)
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["field"]) == (status, status, field)
    assert problem["title"]
    assert problem["detail"]


async def test_other_methods_are_refused(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/v1/guides/g.1@x")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    assert answer.headers["content-type"] == "application/problem+json"


async def test_until_the_registry_was_read_it_lives_and_is_not_ready(client: httpx.AsyncClient, shown: Shown) -> None:
    shown.ready = False
    assert (await client.get("/healthz")).json() == {"status": "ok"}
    for path in ("/readyz", "/v1/guides", "/v1/guides/g.1@x"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert "not read yet" in answer.json()["detail"]


async def test_an_error_of_ours_tells_the_caller_nothing_of_it(client: httpx.AsyncClient, shown: Shown) -> None:
    shown.snapshot = None  # type: ignore[assignment]  # a bug
    answer = await client.get("/v1/guides/g.1@x")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "NoneType" not in answer.text


async def test_answers_are_not_kept_or_guessed_at(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/v1/guides")).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
