"""What waits for the topic `attributed`, and what may be committed meanwhile."""

import asyncio
from collections.abc import Sequence

from stream.worker.attributed import Outbox, Record


class Topic:
    """Takes records when it is let."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.sent: list[Record] = []

    async def send(self, some: Sequence[Record]) -> None:
        await self.open.wait()
        self.sent += some


def records(number: int) -> list[Record]:
    return [(b"g1", b"%d" % each) for each in range(number)]


async def test_what_is_out_is_committed_though_more_is_written_before_it_is_sent() -> None:
    topic = Topic()
    outbox = Outbox(topic.send)
    committed = []
    for batch in range(1, 6):  # each flush ends while what the one before wrote is sent
        outbox.add(batch, 10 * batch, records(10))
        outbox.flushed(batch)
        committed.append(outbox.settle(10 * batch))
        topic.open.clear()
        sending = asyncio.create_task(outbox.send())
        await asyncio.sleep(0)
        outbox.add(batch + 1, 10 * batch + 10, records(10))
        outbox.flushed(batch + 1)
        committed.append(outbox.settle(10 * batch + 10))
        topic.open.set()
        await sending
    assert [offset for offset in committed if offset] == [10, 20, 30, 40]
    assert outbox.unsettled


async def test_nothing_is_committed_of_which_windows_are_not_written() -> None:
    topic = Topic()
    topic.open.set()
    outbox = Outbox(topic.send, done=7, committed=5)
    assert outbox.settle(None) is None
    assert outbox.settle(7) == 7
    outbox.add(1, 12, records(5))
    outbox.flushed(1)
    await outbox.send()
    assert outbox.settle(None) is None
    assert outbox.settle(12) == 12
    assert not outbox.unsettled


async def test_records_under_way_are_held_until_they_are_out() -> None:
    topic = Topic()
    outbox = Outbox(topic.send)
    outbox.add(1, 10, records(10))
    outbox.flushed(1)
    sending = asyncio.create_task(outbox.send())
    await asyncio.sleep(0)
    outbox.add(2, 15, records(5))
    assert (outbox.held, outbox.done) == (15, 0)
    topic.open.set()
    await sending
    assert (outbox.held, outbox.done, len(topic.sent)) == (5, 10, 10)
