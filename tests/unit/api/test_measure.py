"""Requests are counted by route and class of status, whatever becomes of them."""

import httpx
import pytest
from fastapi.routing import APIRoute

from stream.api import measure
from stream.base.metrics import API_REQUESTS, API_SECONDS
from tests.support.api import Api, Shown


@pytest.fixture
def api() -> Api:
    return Api()


def counted() -> dict[tuple[str, str], float]:
    """Requests so far by route and class, those that there were."""
    samples = next(iter(API_REQUESTS.collect())).samples
    return {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for sample in samples
        if sample.name.endswith("_total") and sample.value
    }


def timed(route: str) -> float:
    """How many requests of a route have a time."""
    samples = next(iter(API_SECONDS.collect())).samples
    return next(s.value for s in samples if s.name.endswith("_count") and s.labels["route"] == route)


async def new_counts(client: httpx.AsyncClient, method: str, path: str, **how: str) -> dict[tuple[str, str], float]:
    """What one request adds."""
    before = counted()
    await client.request(method, path, **how)  # type: ignore[arg-type]  # keywords of httpx
    return {key: value - before.get(key, 0) for key, value in counted().items() if value != before.get(key, 0)}


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/healthz", "/healthz", "2xx"),
        ("GET", "/v1/guides/nobody", "/v1/guides/{id}", "4xx"),
        ("POST", "/v1/webhooks/anybody", "/v1/webhooks/{source}", "4xx"),
        ("DELETE", "/v1/events", "/v1/events", "4xx"),
        ("OPTIONS", "/v1/collect", "/v1/collect", "2xx"),
        ("GET", "/no/such/path", measure.OTHER, "4xx"),
        ("GET", "/openapi.json", measure.OTHER, "2xx"),
    ],
)
async def test_a_request_counts_once_under_the_template_of_its_route(
    api: Api, method: str, path: str, route: str, status: str
) -> None:
    before = timed(route)
    assert await new_counts(api.client(), method, path) == {(route, status): 1}
    assert timed(route) == before + 1


async def test_an_error_of_ours_and_a_503_count_as_5xx(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.shown.ready = False
    assert await new_counts(api.client(), "GET", "/readyz") == {("/readyz", "5xx"): 1}
    monkeypatch.setattr(Shown, "ready", property(lambda _: 1 / 0), raising=False)
    del api.shown.__dict__["ready"]
    assert await new_counts(api.client(), "GET", "/readyz") == {("/readyz", "5xx"): 1}


async def test_paths_that_nobody_serves_make_no_series(api: Api) -> None:
    known = {route.path for route in api.app.routes if isinstance(route, APIRoute)} | {measure.OTHER}
    for number in range(20):
        await api.client().get(f"/v1/guides/{number}/{number}")
        await api.client().get(f"/x{number}")
    assert {route for route, _ in counted()} <= known
