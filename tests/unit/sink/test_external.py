"""Questions about many or long values stay within what a ClickHouse server takes over HTTP by default."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import quote_plus

import pytest

from schemas.conversion_types import MAX_ID
from schemas.conversions import MAX_EVENT_ID
from stream.sink import conversions, customers, external, lookups, recount
from stream.sink.external import Table
from tests.support.events import AT_MS

ADDRESS = 16_384
"""Bytes of an address that nothing on the way refuses."""
DAY_MS = 86_400_000
MANY = 10_000


class Server:
    """Refuses what a server, or something before it, would refuse, and knows nothing."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Table]] = []

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, tables: Mapping[str, Table]
    ) -> list[tuple[Any, ...]]:
        shown = [sql, *map(str, (parameters or {}).values()), *(table.structure for table in tables.values())]
        assert len(quote_plus(" ".join(shown))) < ADDRESS
        self.asked.append(tables)
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
async def test_whatever_is_asked_about_a_batch_is_one_question_with_a_short_address(
    question: str, character: str
) -> None:
    server = Server()
    await QUESTIONS[question](server, character)
    (tables,) = server.asked
    assert sum(len(table.rows) for table in tables.values()) >= 4 * MANY


def test_a_table_holds_what_it_is_given() -> None:
    assert external.texts([]) == ("value String", b"")
    assert external.texts(["a", "订"]).rows == b"\x01a\x03" + "订".encode()
    assert external.numbers([1, 1 << 31]).rows == b"\x01\0\0\0\0\0\0\x80"
    assert external.moments([("v", -1)]).rows == b"\x01v" + b"\xff" * 8
