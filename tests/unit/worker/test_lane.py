import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from stream.base.errors import InvariantError
from stream.worker.lane import Lane
from stream.worker.transport import Batch

ONE = TP("clicks", 1)


class Recorded(Lane):
    """Keeps what it took; starts at offset 10."""

    def __init__(self, pace_s: float = 0.0, **opened: bool) -> None:
        consumer: Any = SimpleNamespace(full=set(), open=self._open)
        super().__init__(ONE, 3, consumer, pace_s)
        self.taken: list[list[int]] = []
        self.opened_at: list[int] = []
        self._may_open = opened.get("may_open", True)

    async def _open(self, _tp: TP, offset: int, _epoch: int) -> bool:
        self.opened_at.append(offset)
        return self._may_open

    async def recover(self) -> int:
        return 10

    async def take(self, records: list[Any]) -> None:
        self.taken.append([record.offset for record in records])


def batch(*offsets: int, epoch: int = 3) -> Batch:
    return Batch(ONE, [SimpleNamespace(offset=offset) for offset in offsets], epoch)


async def ran(lane: Lane) -> None:
    """Run until nothing more happens, then stop."""
    running = asyncio.create_task(lane.run())
    for _ in range(20):
        await asyncio.sleep(0)
    lane.stop()
    await running


async def test_it_recovers_before_anything_is_fetched() -> None:
    lane = Recorded()
    assert not lane.ready
    await ran(lane)
    assert lane.opened_at == [10]
    assert lane.ready


async def test_it_is_not_idle_for_as_long_as_it_recovered() -> None:
    lane = Recorded()
    lane.taken_s -= 60
    await ran(lane)
    assert lane.idle_s < 60


async def test_fetches_that_wait_become_one_batch_in_their_order() -> None:
    lane = Recorded()
    lane.offer(batch(10, 11))
    lane.offer(batch(12))
    await ran(lane)
    assert lane.taken == [[10, 11, 12]]
    assert lane.next_offset == 13


async def test_a_fetch_of_another_epoch_is_not_taken() -> None:
    lane = Recorded()
    lane.offer(batch(10, epoch=2))
    await ran(lane)
    assert lane.taken == []


@pytest.mark.parametrize("first", [9, 11], ids=["twice", "skipped"])
async def test_a_batch_that_does_not_start_where_the_last_one_ended_is_an_error(first: int) -> None:
    lane = Recorded()
    lane.offer(batch(first))
    with pytest.raises(InvariantError, match="expected offset 10"):
        await lane.run()


async def test_gaps_of_a_compacted_topic_are_none() -> None:
    lane = Recorded()
    lane.contiguous = False
    lane.offer(batch(12, 15))
    await ran(lane)
    assert lane.taken == [[12, 15]]


async def test_with_enough_waiting_no_more_is_fetched_until_it_is_taken() -> None:
    lane = Recorded(pace_s=3600)
    lane.full_events = 3
    lane.offer(batch(10, 11))
    assert lane.consumer.full == set()
    lane.offer(batch(12))
    assert lane.consumer.full == {ONE}
    await ran(lane)
    assert lane.taken == [[10, 11, 12]]
    assert lane.consumer.full == set()


async def test_what_comes_before_its_time_waits_for_more() -> None:
    lane = Recorded(pace_s=3600)
    lane.offer(batch(10))
    await ran(lane)
    assert lane.taken == []


async def test_a_lane_whose_epoch_is_over_takes_nothing() -> None:
    lane = Recorded(may_open=False)
    lane.offer(batch(10))
    await lane.run()
    assert lane.taken == []


async def test_only_as_many_lanes_are_under_way_as_are_let_in_and_who_waits_can_be_stopped() -> None:
    going = asyncio.Event()

    class Slow(Recorded):
        async def take(self, records: list[Any]) -> None:
            await super().take(records)
            await going.wait()

    one_at_once = asyncio.Semaphore(1)
    lanes = [Slow(), Slow(), Slow()]
    for lane in lanes:
        lane.under_way = one_at_once
        lane.offer(batch(10))
    running = [asyncio.create_task(lane.run()) for lane in lanes]
    await asyncio.sleep(0.01)
    assert [lane.taken for lane in lanes] == [[[10]], [], []]
    lanes[1].stop()
    going.set()
    await asyncio.sleep(0.01)
    assert [lane.taken for lane in lanes] == [[[10]], [], [[10]]]
    for lane in lanes:
        lane.stop()
    await asyncio.gather(*running)


async def test_who_waits_for_room_keeps_nobody_else_from_being_let_in_and_can_be_stopped() -> None:
    class Full(Recorded):
        async def room(self) -> None:
            while not self._stopping:
                await asyncio.sleep(0)

    full, other, one_at_once = Full(), Recorded(), asyncio.Semaphore(1)
    for lane in (full, other):
        lane.under_way = one_at_once
        lane.offer(batch(10))
    await asyncio.gather(ran(full), ran(other))
    assert (full.taken, other.taken) == ([], [[10]])
