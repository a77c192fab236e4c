"""What a lane keeps of its customers between batches, beside a ClickHouse of one row."""

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.customers import CustomerState, decode_state, encode_state
from stream.attribute.consent import withheld
from stream.sink.customers import Alias, Known
from stream.worker.customers import Customers
from tests.support.customer_events import event
from tests.support.events import AT_MS

PSEUDONYM = "erased:" + "0f" * 16


class Row:
    """A sink that knows one customer, whom an erased one brought, and keeps the last block of states."""

    def __init__(self, *said: Alias) -> None:
        self._said = said
        self.block = b""

    async def ask(self, name: str, _ask: Callable[[Any], Any]) -> Sequence[Any]:
        state = encode_state(CustomerState(referred=(AT_MS, "gone"), tags={"孕妈": (AT_MS, False)}))
        return [Known("c1", 0, 5, state)] if name == "customers" else self._said

    async def insert(self, table: str, _columns: Sequence[str], block: bytes, **_: Any) -> None:
        if table == "customer_states":
            self.block = block


class Gone:
    """Of all customers one is erased."""

    def pseudonym(self, _kind: str, id_: str, _at_ms: int) -> str:
        return PSEUDONYM if id_ == "gone" else ""


def customers(row: Row) -> Customers:
    sink: Any = row
    erased: Any = SimpleNamespace(known=Gone())
    return Customers(0, sink, kept=10, erased=erased, working=asyncio.Lock(), clock=lambda: AT_MS)


def written(block: bytes) -> CustomerState:
    return decode_state(block[block.index(b'{"v"') : block.rindex(b"}") + 1])


@pytest.mark.parametrize("kind", ["tagged", "message_in"])
async def test_a_row_that_is_written_again_names_no_erased_even_if_its_event_changes_nothing(kind: str) -> None:
    row = Row()
    mine = customers(row)
    for offset in (6, 7):
        await mine.load({"c1"})
        told = withheld(event(kind)) if kind == "tagged" else event(kind)
        mine.apply(told, AT_MS, offset, None)
        await mine.write()
        state = written(row.block)
        assert state.referred == (AT_MS, PSEUDONYM)
        assert state.tags == {"孕妈": (AT_MS, False)}


async def test_states_are_taken_on_from_batch_to_batch_and_an_event_that_is_in_one_changes_nothing() -> None:
    row = Row()
    mine = customers(row)
    for offset, orders in ((5, 0), (6, 1), (6, 1), (7, 2)):
        await mine.load({"c1"})
        mine.apply(event("order_paid", order_id=f"o{offset}"), AT_MS, offset, None)
        assert mine.known("c1").payments == orders
        await mine.write()
    assert written(row.block).payments == 2


async def test_of_a_person_with_two_ids_all_is_known_in_each_batch() -> None:
    row = Row(Alias("c2", "c1", AT_MS, "e"))
    mine = customers(row)
    for offset in (6, 7):
        await mine.load({"c2"})
        mine.apply(event("message_in", customer_id="c2"), AT_MS + offset, offset, None)
        whole = mine.known("c2")
        assert whole.referred == (AT_MS, PSEUDONYM)
        assert whole.last_active_at == AT_MS + offset
        await mine.write()
        assert written(row.block).referred is None
