"""Questions about many or long values stay within what a ClickHouse server takes over HTTP by default."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

import pytest
from clickhouse_connect.driver.binding import format_bind_value

from schemas.conversion_types import MAX_ID
from schemas.conversions import MAX_EVENT_ID
from stream.sink import conversions, customers, lookups, recount
from stream.sink.parameters import portions
from tests.support.events import AT_MS

FIELD = 131_072
ADDRESS = 1 << 20
DAY_MS = 86_400_000
MANY = 10_000


class Server:
    """Refuses what a server would refuse, and knows nothing."""

    def __init__(self) -> None:
        self.asked = 0

    async def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        written = {name: format_bind_value(value) for name, value in parameters.items()}
        for name, value in written.items():
            assert len(value.encode()) <= FIELD, name
        assert sum(len(quote_plus(value)) for value in written.values()) < ADDRESS - 10_000
        assert sql
        self.asked += 1
        return []


def ids(character: str, length: int) -> list[str]:
    return [f"{number:05d}".ljust(length, character) for number in range(MANY)]


QUESTIONS: dict[str, Callable[[Any, str], Awaitable[object]]] = {
    "event ids": lambda ch, c: recount.known(ch, "conversions", ids(c, MAX_EVENT_ID)),
    "customers": lambda ch, c: customers.customers(ch, ids(c, MAX_ID)),
    "aliases": lambda ch, c: customers.aliases(ch, ids(c, MAX_ID)),
    "visitors": lambda ch, c: lookups.last_clicks(ch, ids(c, MAX_ID), 0, AT_MS),
    "clicks": lambda ch, c: lookups.clicks_at(ch, [(id_, AT_MS + n) for n, id_ in enumerate(ids(c, MAX_ID))], DAY_MS),
    "links": lambda ch, c: lookups.links_by_code(ch, ids(c, MAX_ID)),
    "numbers": lambda ch, _: lookups.links_by_number(ch, range(1 << 31, (1 << 31) + MANY)),
    "guides": lambda ch, c: lookups.guides(ch, ids(c, MAX_ID)),
    "clicks of tokens": lambda ch, c: lookups.clicks_by_id(
        ch, [(id_, AT_MS - n * DAY_MS) for n, id_ in enumerate(ids(c, 30))]
    ),
    "moments": lambda ch, c: lookups.guide_clicks(
        ch, [(id_, AT_MS - n * DAY_MS) for n, id_ in enumerate(ids(c, MAX_ID))], 30 * 60_000
    ),
    "places": lambda ch, _: conversions.at_places(ch, [(n % 16, 1 << 60 | n) for n in range(MANY)]),
}


@pytest.mark.parametrize("character", ["a", "订", "'", "\\", "\U0001f600"], ids=ascii)
@pytest.mark.parametrize("question", QUESTIONS)
async def test_no_question_is_longer_than_a_server_takes(question: str, character: str) -> None:
    server = Server()
    await QUESTIONS[question](server, character)
    assert server.asked > 1


async def test_a_batch_of_now_asks_for_its_moments_at_once() -> None:
    server = Server()
    await lookups.guide_clicks(server, [(f"g{n % 50}", AT_MS + n * 10) for n in range(2_000)], 30 * 60_000)  # type: ignore[arg-type] # what it asks
    assert server.asked == 1


def test_portions_hold_every_value_once_in_its_order() -> None:
    assert list(portions(range(5), lambda _: 40_000)) == [[0, 1], [2, 3], [4]]
    assert list(portions([1], lambda _: 1_000_000)) == [[1]]
    assert list(portions([], len)) == []
    assert [len(some) for some in portions(range(16_001), lambda _: 1)] == [8_000, 8_000, 1]
