"""Random histories of two partitions: workers die or freeze between any two writes, and others take over.

At the end every event is one raw row, and customers are what raw rows, with the credit that they hold, make of them.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from schemas.customers import CustomerState, encode_state
from schemas.token import Signer
from schemas.topics import CONVERSIONS
from stream.attribute import customer
from stream.attribute.consent import is_withheld_tag
from stream.sink import recount
from stream.sink.clickhouse import ClickHouse
from stream.worker.attributed import records
from stream.worker.conversion_path import own_touch
from tests.support.conversion_lane import TOKEN_KEYS, Lane, Time, Worker, order, refund, registry
from tests.support.events import AT_MS
from tests.support.registry import owned

EVENTS = 40
PEOPLE = 6
Hook = Callable[[], Awaitable[object]]


class KilledError(Exception):
    """The worker is no more."""


class History:
    """What is in the topic, and who works on it."""

    def __init__(self, seed: int, clickhouse: ClickHouse, *, zombies: bool) -> None:
        self.rng = random.Random(seed)
        self.clickhouse = clickhouse
        self.zombies = zombies
        self.clock = Time()
        self.log = [[self._an_event(partition, number) for number in range(EVENTS)] for partition in range(2)]
        self.committed = [0, 0]
        self.next = [0, 0]
        self.frozen: list[tuple[asyncio.Event, asyncio.Task[Any]]] = []
        self.told: list[tuple[bytes, bytes]] = []

    def _an_event(self, partition: int, number: int) -> dict[str, Any]:
        """Customers whose consent counts stay in one partition: what another lane knows of it comes when it comes."""
        rng = self.rng
        number -= rng.random() < 0.1  # now and then one of before once more
        name = f"{number}" if rng.random() < 0.1 and not self.zombies else f"{partition}-{number}"
        who, other = rng.sample([f"c{person}" for person in range(PEOPLE)], 2)
        own = f"{partition}:{rng.randrange(3)}"
        at = {"occurred_at": AT_MS - rng.randrange(10_000)}
        clicked = {"token": Signer(1, TOKEN_KEYS[1], edge=1).sign(rng.randrange(1, 3), AT_MS - 20_000, number)}
        ordered = f"{rng.randrange(2)}-{rng.randrange(EVENTS)}"
        choices: list[dict[str, Any]] = [
            {"type": "lead", "customer_id": who, **clicked},
            {"type": "message_in", "customer_id": who, "guide_id": "g1"},
            {"type": "message_out", "customer_id": own, "guide_id": "g2"},
            {"type": "consent", "customer_id": own, "properties": {"given": rng.random() < 0.5}},
            {"type": "tagged", "customer_id": own, "properties": {"tag": f"t{number % 3}"}, **clicked},
            {"type": "alias", "customer_id": who, "properties": {"alias": other}},
            {**order(name, customer_id=rng.choice([who, own])), **(clicked if rng.random() < 0.5 else {})},
            refund(ordered, event_id=f"r{name}"),
        ]
        return {"event_id": f"e{name}", **rng.choice(choices), **at}

    async def play(self) -> None:
        lanes = [await self._taken_up(0), await self._taken_up(1)]
        while self.next != [EVENTS, EVENTS]:
            partition = self.rng.randrange(2)
            lanes[partition] = await self._turn(lanes[partition])
            if self.frozen and self.rng.random() < 0.4:
                await self._wake()
        while self.frozen:
            await self._wake()
        for partition in range(2):
            await self._taken_up(partition)

    async def _turn(self, lane: Lane) -> Lane:
        """One batch; returns who works on the partition from now on."""
        partition = lane.state.partition
        first = self.next[partition]
        events = self.log[partition][first : first + self.rng.randrange(1, 8)]
        if not events:
            return lane
        fate = self.rng.choice(["good", "good", "killed", "frozen" if self.zombies else "killed"])
        if fate == "good":
            await lane.take(first, *events)
            self.next[partition] += len(events)
            if self.rng.random() < 0.5:
                self.committed[partition] = self.next[partition]
            return lane
        wake = asyncio.Event()
        reached = sabotage(lane, self.rng.randrange(6), wake.wait if fate == "frozen" else _killed)
        task = asyncio.create_task(lane.take(first, *events))
        waiting = asyncio.create_task(reached.wait())
        await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if fate == "frozen":
            self.frozen.append((wake, task))
        else:
            await asyncio.gather(task, return_exceptions=True)
        return await self._taken_up(partition)

    async def _wake(self) -> None:
        wake, task = self.frozen.pop(self.rng.randrange(len(self.frozen)))
        wake.set()
        await task

    async def _taken_up(self, partition: int) -> Lane:
        """By a worker that remembers few customers, and reads some seconds later by its clock."""
        self.clock.now_ms += self.rng.randrange(1, 3_000)
        worker = Worker(self.clickhouse, Time(self.clock.now_ms), kept=self.rng.randrange(1, 5))
        lane = worker.lane(partition)
        await lane.recover(self.committed[partition])
        self.told += worker.told.records
        reach = await recount.reach(self.clickhouse, CONVERSIONS, partition)
        self.next[partition] = max(reach.offset + 1, self.committed[partition])
        return lane


async def _killed() -> None:
    raise KilledError


def sabotage(lane: Lane, calls: int, hook: Hook) -> asyncio.Event:
    """Let something happen before or after one of the next inserts; returns what tells that it does."""
    sink, reached, seen = lane.worker.sink, asyncio.Event(), 0
    real = sink.insert

    async def step() -> None:
        nonlocal seen
        seen += 1
        if seen == calls + 1:
            reached.set()
            await hook()

    async def insert(table: str, *block: Any, **how: Any) -> None:
        await step()
        await real(table, *block, **how)
        await step()

    sink.insert = insert  # type: ignore[method-assign] # the seam
    return reached


@pytest.mark.parametrize("zombies", [False, True], ids=["killed", "frozen"])
@pytest.mark.parametrize("seed", [0, 1, 5])
async def test_customers_are_what_raw_rows_make_of_them(migrated: ClickHouse, seed: int, *, zombies: bool) -> None:
    await registry(migrated, [owned("g1"), owned("g2", "b2", 2)])
    history = History(seed, migrated, zombies=zombies)
    await history.play()
    ids: list[str] = []
    told = set(history.told)
    for partition, log in enumerate(history.log):
        lane = Worker(migrated, Time()).lane(partition)
        raw = await lane.raw(0, EVENTS)
        ids += [one.event["event_id"] for one in raw]
        assert {one.event["event_id"] for one in raw} <= {event["event_id"] for event in log}
        states: dict[str, tuple[int, CustomerState]] = {}
        for one in raw:
            who = one.event.get("customer_id", "")
            if who:
                state = states.get(who, (0, CustomerState()))[1]
                if not is_withheld_tag(one.event):
                    customer.apply(state, one.event, one.time_ms, own_touch(one.credit))
                states[who] = (one.offset, state)
        found = await lane.known(*states)
        assert {who: (one.version, encode_state(one.state)) for who, one in found.items()} == {
            who: (version, encode_state(state)) for who, (version, state) in states.items()
        }
        told -= set(records(raw, partition))
    assert sorted(ids) == sorted({event["event_id"] for log in history.log for event in log})
    assert told == set()
