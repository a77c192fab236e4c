"""The pump: what it deletes, when it gives up, what it leaves behind."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from stream.base.errors import UnavailableError
from stream.spool import Spool, cursor, frame, segments
from stream.spool.cursor import CursorFile
from stream.spool.frame import Record
from stream.spool.pump import Pump


class Kafka:
    """Acknowledges when told to."""

    def __init__(self) -> None:
        self.sent: list[tuple[list[Record], bool, asyncio.Future[object]]] = []
        self.answers = True
        self.partitions = 6
        self.placed_by: list[int] = []

    async def send(self, records: list[Record], *, partitions: int, retransmitted: bool) -> Awaitable[object]:
        ack: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.sent.append((records, retransmitted, ack))
        self.placed_by.append(partitions)
        if self.answers:
            ack.set_result(None)
        return ack


class Life:
    """A pump and all that belongs to it."""

    def __init__(self, directory: Path, *, send_seconds: float = 30, segment_bytes: int = 4096) -> None:
        self.spool = Spool(
            directory,
            segment_bytes=segment_bytes,
            max_bytes=max(1 << 20, 4 * segment_bytes),
            fsync_ms=1000,
            topic="pump",
        )
        self.kafka = Kafka()
        self.file = CursorFile(directory)
        self.pump = Pump(directory, self.file, self.kafka, send_seconds=send_seconds)

    async def end(self) -> None:
        await self.pump.close(0)
        self.file.close()
        self.spool.close()


async def test_segments_go_when_all_of_them_is_acknowledged_and_not_before(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.kafka.answers = False
    for number in range(100):
        life.spool.append(b"k", b"%0400d" % number)
    all_of_them = segments.numbers(tmp_path)
    running = asyncio.create_task(life.pump.run())
    while len(life.kafka.sent) < 2:
        await asyncio.sleep(0)
    assert segments.numbers(tmp_path) == all_of_them
    life.kafka.answers = True
    for _, _, ack in life.kafka.sent:
        ack.set_result(None)
    life.pump.drain()
    await running
    await life.end()
    assert segments.numbers(tmp_path) == all_of_them[-1:]
    assert life.pump.counts.shipped == 100
    assert sum(len(records) for records, _, _ in life.kafka.sent) == 100


async def test_no_more_than_two_chunks_are_under_way(tmp_path: Path) -> None:
    life = Life(tmp_path, send_seconds=0.05)
    life.kafka.answers = False
    for number in range(100):
        life.spool.append(b"k", b"%0400d" % number)
    with pytest.raises(UnavailableError, match="Kafka took nothing"):
        await life.pump.run()
    assert len(life.kafka.sent) == 2
    await life.end()


async def test_an_acknowledgement_that_does_not_come_is_an_unknown_outcome(tmp_path: Path) -> None:
    life = Life(tmp_path, send_seconds=0.05)
    life.kafka.answers = False
    life.spool.append(b"k", b"v")
    with pytest.raises(UnavailableError, match="did not answer"):
        await life.pump.run()
    await life.end()
    again = Life(tmp_path)
    again.pump.drain()
    await again.pump.run()
    ((records, marked, _),) = again.kafka.sent
    assert ([value for _, value, _ in records], marked) == ([b"v"], True)
    assert again.pump.counts.retransmitted == 1
    await again.end()


async def test_a_batch_that_is_refused_ends_the_pump_with_the_reason(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.kafka.answers = False
    life.spool.append(b"k", b"v")
    running = asyncio.create_task(life.pump.run())
    while not life.kafka.sent:
        await asyncio.sleep(0)
    life.kafka.sent[0][2].set_exception(OSError("too large"))
    with pytest.raises(UnavailableError, match="too large"):
        await running
    await life.end()


async def test_a_clean_end_leaves_nothing_to_send_again(tmp_path: Path) -> None:
    life = Life(tmp_path)
    for number in range(10):
        life.spool.append(b"k", b"%d" % number)
    life.pump.drain()
    await life.pump.run()
    life.spool.append(b"k", b"after")
    await life.end()
    left = cursor.load(tmp_path)
    assert left.acked == left.begun
    again = Life(tmp_path)
    again.pump.drain()
    await again.pump.run()
    ((records, marked, _),) = again.kafka.sent
    assert ([value for _, value, _ in records], marked) == ([b"after"], False)
    await again.end()


async def test_a_pump_at_rest_is_woken_by_an_append(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.spool.pump._LOOK_SECONDS", 3600)
    life = Life(tmp_path)
    running = asyncio.create_task(life.pump.run())
    for number in range(3):
        while not life.pump._bell.waited_for[0]:
            await asyncio.sleep(0)
        life.spool.append(b"k", b"%d" % number)
        while len(life.kafka.sent) <= number:
            await asyncio.sleep(0)
    life.pump.drain()
    await running
    await life.end()


async def test_in_a_flow_that_does_not_stop_events_gather_between_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    life = Life(tmp_path, segment_bytes=1 << 20)

    async def meanwhile(_: float) -> None:
        if len(life.kafka.sent) == 3:
            life.pump.drain()
        for _ in range(100):
            life.spool.append(b"k", b"v")

    monkeypatch.setattr("stream.spool.pump.asyncio.sleep", meanwhile)
    life.spool.append(b"k", b"v")
    await life.pump.run()
    monkeypatch.undo()
    assert [len(records) for records, _, _ in life.kafka.sent][:3] == [1, 100, 100]
    await life.end()


async def test_a_backlog_is_shipped_without_a_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    life = Life(tmp_path, segment_bytes=2 << 20)
    monkeypatch.setattr("stream.spool.pump._GATHER_SECONDS", 3600)
    for _ in range(20):
        life.spool.append(b"k", b"v" * 100_000)
    running = asyncio.create_task(life.pump.run())
    while len(life.kafka.sent) < 2:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    await life.end()


async def test_damage_is_counted_and_passed(tmp_path: Path) -> None:
    segments.path(tmp_path, 1).write_bytes(frame.header() + frame.encode(b"k", b"v", 1) + b"rubbish")
    life = Life(tmp_path)
    life.spool.append(b"k", b"w")
    life.pump.drain()
    await life.pump.run()
    assert (life.pump.counts.damaged, life.pump.counts.shipped) == (7, 2)
    await life.end()


async def test_a_new_partition_count_waits_for_all_that_was_placed_by_the_old_one(tmp_path: Path) -> None:
    life = Life(tmp_path, send_seconds=0.2)
    life.kafka.answers = False
    life.spool.append(b"k", b"old")
    running = asyncio.create_task(life.pump.run())
    while not life.kafka.sent:
        await asyncio.sleep(0)
    life.kafka.partitions = 9
    life.spool.append(b"k", b"new")
    with pytest.raises(UnavailableError):
        await running
    assert life.kafka.placed_by == [6]
    await life.end()
    assert cursor.load(tmp_path).partitions == 6
    again = Life(tmp_path)
    again.kafka.partitions = 9
    again.spool.append(b"k", b"newer")
    again.pump.drain()
    await again.pump.run()
    await again.end()
    assert [([value for _, value, _ in records], marked) for records, marked, _ in again.kafka.sent] == [
        ([b"old", b"new"], True),  # that the second was never handed over, nobody knows any more
        ([b"newer"], False),
    ]
    assert again.kafka.placed_by == [6, 9]
    assert cursor.load(tmp_path).partitions == 9


async def test_a_broker_that_does_not_know_all_partitions_yet_gets_nothing_that_may_be_in_the_others(
    tmp_path: Path,
) -> None:
    life = Life(tmp_path, send_seconds=0.05)
    life.kafka.answers = False
    life.spool.append(b"k", b"v")
    with pytest.raises(UnavailableError):
        await life.pump.run()
    await life.end()
    again = Life(tmp_path)
    again.kafka.partitions = 5
    with pytest.raises(UnavailableError, match=r"has 5 partitions.* placed by 6"):
        await again.pump.run()
    assert not again.kafka.sent
    await again.end()
