"""The law of shipping, over random histories of appends, kills, failures and restarts of both sides.

Whatever was appended arrives, first arrivals are in order, and an event that arrives again is marked and lies
behind its first arrival in the same partition, however often the partition count was raised meanwhile.
"""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from zlib import crc32

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.base.errors import UnavailableError
from stream.spool import Spool, pump
from stream.spool.cursor import CursorFile
from stream.spool.frame import Record
from stream.spool.pump import Pump

Fate = Literal["acked", "late", "lost", "landed_unanswered", "failed", "landed_failed"]
LANDS = {"acked", "late", "landed_unanswered", "landed_failed"}


@dataclass
class Broker:
    """What Kafka holds in the end: value, mark and partition, in order."""

    log: list[tuple[int, bool, int]] = field(default_factory=list)
    partitions: int = 2


class Connection:
    """One producer's life. As with an idempotent producer, nothing lands behind a batch that did not."""

    def __init__(self, broker: Broker, fates: list[Fate]) -> None:
        self._broker, self._fates = broker, fates
        self._broken = False

    @property
    def partitions(self) -> int:
        return self._broker.partitions

    async def send(self, records: list[Record], *, partitions: int, retransmitted: bool) -> Awaitable[object]:
        fate: Fate = self._fates.pop(0) if self._fates else "acked"
        self._broken = self._broken or fate not in LANDS
        if not self._broken:
            self._broker.log += [(int(value), retransmitted, crc32(key) % partitions) for key, value, _ in records]
        ack: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        if fate == "acked" and not self._broken:
            ack.set_result(None)
        elif fate == "late" and not self._broken:
            asyncio.get_running_loop().call_later(0, ack.set_result, None)
        elif fate in ("failed", "landed_failed"):
            ack.set_exception(OSError("no answer"))
        return ack


@dataclass(frozen=True)
class Append:
    count: int


@dataclass(frozen=True)
class Raise:
    """The topic is given more partitions."""

    more: int


@dataclass(frozen=True)
class Ship:
    """A life of the shipper: how many turns of the loop it gets, and whether it is killed or closed."""

    turns: int
    fates: tuple[Fate, ...]
    killed: bool


@dataclass(frozen=True)
class Restart:
    """The writer is killed, leaving some bytes of a record it was writing, or closed; then started again."""

    torn: bytes | None


Step = Append | Raise | Ship | Restart
STEPS = st.lists(
    st.one_of(
        st.builds(Append, st.integers(1, 60)),
        st.builds(Raise, st.integers(1, 3)),
        st.builds(
            Ship,
            turns=st.integers(0, 12),
            fates=st.lists(st.sampled_from(Fate.__args__), max_size=4).map(tuple),  # type: ignore[attr-defined]
            killed=st.booleans(),
        ),
        st.builds(Restart, st.none() | st.binary(max_size=30)),
    ),
    max_size=14,
)


def start(directory: Path) -> Spool:
    return Spool(directory, segment_bytes=4096, max_bytes=1 << 20, fsync_ms=1000, topic="law", clock=lambda: 1)


def kill(spool: Spool, torn: bytes) -> None:
    """What a kill -9 leaves: files as they are, the lock released."""
    os.write(spool._fd, torn)
    spool.close()


async def live(directory: Path, broker: Broker, ship: Ship) -> None:
    file = CursorFile(directory)
    one = Pump(directory, file, Connection(broker, list(ship.fates)), send_seconds=30)
    running = asyncio.create_task(one.run())
    for _ in range(ship.turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    if not running.cancelled():
        assert isinstance(running.exception(), UnavailableError)
    if ship.killed:
        one._reader.close()
        one._bell.close()
    else:
        await one.close(0)
    file.close()


async def drain(directory: Path, broker: Broker) -> None:
    file = CursorFile(directory)
    one = Pump(directory, file, Connection(broker, []), send_seconds=30)
    one.drain()
    await one.run()
    await one.close(0)
    file.close()


def play(directory: Path, steps: Sequence[Step]) -> tuple[int, Broker]:
    broker, spool, appended = Broker(), start(directory), 0
    for step in steps:
        match step:
            case Append(count):
                for number in range(appended, appended + count):
                    spool.append(b"key%d" % (number % 7), b"%08d" % number)
                appended += count
            case Raise(more):
                broker.partitions += more
            case Ship():
                asyncio.run(live(directory, broker, step))
            case Restart(torn):
                if torn is None:
                    spool.close()
                else:
                    kill(spool, torn)
                spool = start(directory)
    asyncio.run(drain(directory, broker))
    spool.close()
    return appended, broker


def check(appended: int, broker: Broker) -> None:
    seen: dict[int, int] = {}
    for number, marked, partition in broker.log:
        assert marked or number not in seen, f"{number} arrived again unmarked"
        assert seen.setdefault(number, partition) == partition, f"{number} arrived again in another partition"
    assert list(seen) == list(range(appended))


def accepted(broker: Broker, partitions: Sequence[int]) -> list[int]:
    """What workers accept that come to the partitions in this order: a marked event only if they have none like it."""
    found: list[int] = []
    for wanted in partitions:
        for number, marked, partition in broker.log:
            if partition == wanted and not (marked and number in found):
                found.append(number)
    return found


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump, "_GATHER_SECONDS", 0)
    monkeypatch.setattr(pump, "_RESERVE_BYTES", 300)  # small, so that histories cross it


# The fixture only shortens waiting and holds no state of an example.
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_everything_arrives_in_order_and_twice_only_if_marked(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        appended, broker = play(Path(directory), steps)
    check(appended, broker)
    for order in (range(broker.partitions), range(broker.partitions)[::-1]):
        assert sorted(accepted(broker, order)) == list(range(appended))


def test_an_original_that_no_worker_has_come_to_is_not_counted_twice_when_partitions_were_added(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history: list[Step] = [Append(40), Ship(6, ("landed_unanswered",), killed=True), Raise(3), Append(40)]
    appended, broker = play(tmp_path / "by the rule", history)
    check(appended, broker)
    assert max(partition for _, _, partition in broker.log) > 1, "new partitions are used"
    order = range(5)[::-1]  # the copies' partitions first: the workers of the originals' are behind
    assert sorted(accepted(broker, order)) == list(range(appended))

    send = Connection.send

    async def by_what_is_there(self: Connection, *args: Any, partitions: int, **more: Any) -> Any:
        del partitions
        return await send(self, *args, partitions=self.partitions, **more)

    monkeypatch.setattr(Connection, "send", by_what_is_there)
    appended, broker = play(tmp_path / "without it", history)
    assert len(accepted(broker, order)) > appended
    with pytest.raises(AssertionError, match="another partition"):
        check(appended, broker)


def test_the_law_fails_when_the_mark_is_not_made_durable_before_sending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Pump, "_ahead", lambda _, position: position._replace(offset=0))
    appended, broker = play(tmp_path, [Append(5), Ship(6, ("landed_unanswered",), killed=True)])
    with pytest.raises(AssertionError, match="arrived again unmarked"):
        check(appended, broker)


def test_a_backlog_that_was_never_sent_is_not_marked(tmp_path: Path) -> None:
    """After a long outage only what was under way when it began costs look-ups."""
    history: list[Step] = [
        Append(20),
        Ship(6, ("landed_unanswered",), killed=True),
        Append(5000),
        Restart(b""),
        Append(5000),
    ]
    appended, broker = play(tmp_path, history)
    check(appended, broker)
    marked = [number for number, mark, _ in broker.log if mark]
    assert marked[:20] == list(range(20))
    assert len(marked) < 60
