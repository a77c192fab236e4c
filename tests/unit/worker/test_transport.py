import asyncio
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import CorruptRecordException
from faust.types import TP

from stream.base.errors import InvariantError
from stream.worker.transport import Batch, Consumer

ONE, TWO = TP("clicks", 1), TP("clicks", 2)


class Thread:
    """What the consumer asks of its thread; `during` happens while a fetch is under way."""

    def __init__(self) -> None:
        self.fetches: list[set[TP]] = []
        self.seeks: list[dict[TP, int]] = []
        self.records: dict[TP, list[Any]] = {}
        self.during: Any = None
        self.refuses_commits = False

    async def getmany(self, wanted: set[TP], _timeout: float) -> dict[TP, list[Any]]:
        self.fetches.append(set(wanted))
        if self.during:
            await self.during()
        return {tp: records for tp, records in self.records.items() if tp in wanted}

    async def commit(self, _offsets: dict[TP, int]) -> bool:
        return not self.refuses_commits

    async def seek_wait(self, offsets: dict[TP, int]) -> None:
        self.seeks.append(offsets)


@pytest.fixture
def consumer(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr("stream.worker.transport._PAUSE_S", 0)
    consumer: Any = object.__new__(Consumer)
    consumer.app = SimpleNamespace(rebalancing=False)
    consumer._thread = Thread()
    consumer.epoch, consumer.full = 0, set()
    consumer._opened, consumer._positions, consumer._settled, consumer._confirmed = set(), {}, {}, {}
    consumer._acked = defaultdict(list)
    return consumer


def records(first: int, count: int) -> list[Any]:
    return [
        SimpleNamespace(topic="clicks", partition=1, offset=offset, timestamp=0, timestamp_type=1)
        for offset in range(first, first + count)
    ]


async def test_nothing_is_fetched_of_a_partition_that_is_not_open(consumer: Any) -> None:
    assert await consumer._getmany({ONE, TWO}, 1.0) == {}
    await consumer.open(ONE, 5, 0)
    await consumer._getmany({ONE, TWO}, 1.0)
    assert consumer._thread.fetches == [{ONE}]
    assert consumer._thread.seeks == [{ONE: 5}]


async def test_a_partition_whose_owner_has_enough_is_left_in_kafka(consumer: Any) -> None:
    await consumer.open(ONE, 0, 0)
    await consumer.open(TWO, 0, 0)
    consumer.full.add(ONE)
    await consumer._getmany({ONE, TWO}, 1.0)
    assert consumer._thread.fetches == [{TWO}]


async def test_nothing_is_fetched_while_the_group_rebalances(consumer: Any) -> None:
    await consumer.open(ONE, 0, 0)
    consumer.app.rebalancing = True
    assert await consumer._getmany({ONE}, 1.0) == {}
    assert consumer._thread.fetches == []


async def test_a_fetch_is_one_batch_per_partition_at_its_last_offset(consumer: Any) -> None:
    await consumer.open(ONE, 7, 0)
    consumer._thread.records = {ONE: records(7, 3)}
    found = await consumer._getmany({ONE}, 1.0)
    (record,) = found[ONE]
    assert record.offset == 9
    batch: Batch = record.value
    assert (batch.first, batch.last, batch.epoch, batch.tp) == (7, 9, 0, ONE)


async def test_a_fetch_across_a_rebalance_is_thrown_away_and_the_position_set_back(consumer: Any) -> None:
    await consumer.open(ONE, 7, 0)
    consumer._thread.records = {ONE: records(7, 3)}

    async def rebalance() -> None:
        await consumer.perform_seek()
        await consumer.open(ONE, 4, 1)

    consumer._thread.during = rebalance
    assert await consumer._getmany({ONE}, 1.0) == {}
    assert consumer._thread.seeks == [{ONE: 7}, {ONE: 4}, {ONE: 4}]


async def test_a_damaged_batch_ends_the_process_with_what_is_known_of_it(consumer: Any) -> None:
    await consumer.open(ONE, 7, 0)

    async def damaged() -> None:
        raise CorruptRecordException("clicks/1: the batch at offset 7 cannot be read")

    consumer._thread.during = damaged
    with pytest.raises(InvariantError, match="clicks/1: the batch at offset 7"):
        await consumer._getmany({ONE}, 1.0)


async def test_opening_in_an_epoch_that_is_over_does_nothing(consumer: Any) -> None:
    await consumer.perform_seek()
    assert not await consumer.open(ONE, 7, 0)
    assert consumer._thread.seeks == []


async def test_what_an_older_epoch_settled_is_not_committed(consumer: Any) -> None:
    consumer.settle(ONE, 10, 0)
    assert list(consumer._filter_tps_with_pending_acks()) == [ONE]
    assert consumer._new_offset(ONE) == 10
    await consumer.perform_seek()
    consumer.settle(ONE, 11, 0)
    assert list(consumer._filter_tps_with_pending_acks()) == []


async def test_what_was_settled_is_committed_once_the_broker_confirmed_it(consumer: Any) -> None:
    assert consumer.all_committed
    consumer.settle(ONE, 10, 0)
    consumer.settle(TWO, 3, 0)
    assert await consumer._commit({ONE: 10})
    assert not consumer.all_committed
    assert await consumer._commit({TWO: 3})
    assert consumer.all_committed
    consumer.settle(ONE, 11, 0)
    assert not consumer.all_committed


async def test_a_commit_that_failed_is_tried_again(consumer: Any) -> None:
    consumer.settle(ONE, 10, 0)
    consumer._thread.refuses_commits = True
    assert not await consumer._commit({ONE: 10})
    assert not consumer.all_committed
    assert consumer._should_commit(ONE, 10)
    consumer._thread.refuses_commits = False
    assert await consumer._commit({ONE: 10})
    assert not consumer._should_commit(ONE, 10)
    await consumer.perform_seek()
    assert consumer._should_commit(ONE, 10)  # another may have set the group's offset since


async def test_an_idle_fetch_lets_others_run(consumer: Any) -> None:
    ran = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(ran.set_result, None)
    await consumer._getmany(set(), 1.0)
    assert ran.done()
