"""Sending dead letters again: the original bytes, or fixed ones, to the topic they came from.

Nothing is counted twice, however often a replay is repeated or dies half-way. What was replayed is marked and left out.
A record that was sent, and whose mark was lost, is sent once more, but every replayed record carries the header
`retransmitted`, so the worker looks its event id up and finds the first one.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.topics import RETRANSMITTED
from stream.base.errors import UnavailableError
from stream.base.kafka import client_options, start_client, stop_producer
from stream.base.settings import Settings
from stream.sink.clickhouse import ClickHouse
from stream.sink.dead_letters import Letter, Origin, fetched, mark_replayed

REPLAYED: Final = "replayed_from"
"""Header of a replayed record: the name of the dead letter."""
_AT_ONCE: Final = 100
"""Letters in memory: each may be a megabyte."""
_POLL_S: Final = 0.25

Fate = str
"""`inserted`, `duplicate` (it was there already), `rejected: REASON`, or `waiting`: no worker has come to it yet."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay did."""

    sent: Mapping[Origin, Origin]
    """From the dead letter to the record that was written for it; to itself where nothing was really sent."""
    earlier: tuple[Origin, ...]
    """Replayed before, and left alone."""
    empty: tuple[Origin, ...]
    """Without a value there is nothing to send."""

    def lines(self, fates: Mapping[Origin, Fate] | None = None) -> list[str]:
        """The report for people; without fates it tells what would be done."""
        said = [f"{letter} is left alone: it was replayed before (--again sends it)" for letter in self.earlier]
        said += [f"{letter} is left alone: it has no value; give one with --file" for letter in self.empty]
        if fates is None:
            return [*said, *(f"{letter} would be sent" for letter in self.sent), f"{len(self.sent)} would be sent"]
        said += [f"{letter} -> {record}: {fates[letter]}" for letter, record in self.sent.items()]
        counts = "".join(f", {count} {fate}" for fate, count in sorted(Counter(fates.values()).items()))
        return [*said, f"{len(self.sent)} sent{counts}"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Which letters are to be sent, and which are not."""

    due: tuple[Letter, ...]
    earlier: tuple[Origin, ...]
    empty: tuple[Origin, ...]


def plan(letters: Sequence[Letter], *, again: bool, fixed: bytes | None) -> Plan:
    """Sort letters; `again` sends those too that were replayed before, `fixed` is a value for those without one."""
    others = [one for one in letters if again or not one.summary.replayed_at]
    return Plan(
        due=tuple(one for one in others if fixed is not None or one.value),
        earlier=_origins([one for one in letters if one.summary.replayed_at and not again]),
        empty=_origins([one for one in others if fixed is None and not one.value]),
    )


async def replay(
    clickhouse: ClickHouse,
    producer: Any,
    settings: Settings,
    origins: Sequence[Origin],
    *,
    now_ms: int,
    fixed: bytes | None = None,
    again: bool = False,
) -> Replay:
    """Write dead letters to the topics they came from, and mark them.

    Args:
        clickhouse: connected to the database.
        producer: of `open_producer`; None sends and marks nothing, and tells what would be sent.
        settings: name the topics.
        origins: which letters.
        now_ms: the mark.
        fixed: a value to send instead of the original one.
        again: send those too that were replayed before.

    Raises:
        NotFoundError: one of them is not there; those before it may have been sent.
        UnavailableError: Kafka or ClickHouse does not answer; what was sent before is marked, bar the last hundred.
    """
    sent: dict[Origin, Origin] = {}
    earlier: list[Origin] = []
    empty: list[Origin] = []
    for start in range(0, len(origins), _AT_ONCE):
        planned = plan(await fetched(clickhouse, origins[start : start + _AT_ONCE]), again=again, fixed=fixed)
        earlier += planned.earlier
        empty += planned.empty
        names = _origins(planned.due)
        if producer is None:
            sent |= {name: name for name in names}
        elif names:
            written = await asyncio.gather(*(_send(producer, settings, letter, fixed) for letter in planned.due))
            await mark_replayed(clickhouse, names, now_ms=now_ms)
            sent |= zip(names, written, strict=True)
    return Replay(sent, tuple(earlier), tuple(empty))


async def fates(clickhouse: ClickHouse, sent: Mapping[Origin, Origin], *, wait_s: float) -> dict[Origin, Fate]:
    """What the worker made of the records; waits up to `wait_s` seconds for it to come to all of them."""
    deadline = asyncio.get_running_loop().time() + wait_s
    while True:
        found = await _fates(clickhouse, list(sent.values()))
        if len(found) == len(sent) or asyncio.get_running_loop().time() >= deadline:
            return {letter: found.get(record, "waiting") for letter, record in sent.items()}
        await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def open_producer(settings: Settings) -> AsyncIterator[Any]:
    """A producer that waits for every replica.

    Raises:
        UnavailableError: no broker answers.
    """
    producer = AIOKafkaProducer(
        **client_options(settings.kafka), acks="all", enable_idempotence=True, max_request_size=8 * 1024 * 1024
    )
    try:
        await start_client(producer)
    except (KafkaError, OSError) as error:
        await stop_producer(producer)
        raise UnavailableError(f"Kafka: {str(error) or type(error).__name__}") from error
    try:
        yield producer
    finally:
        await stop_producer(producer)


async def _send(producer: Any, settings: Settings, letter: Letter, fixed: bytes | None) -> Origin:
    origin = letter.summary.origin
    topic = settings.topic(origin.topic)
    headers = [one for one in letter.headers if one[0] not in (RETRANSMITTED, REPLAYED)]
    headers += [(RETRANSMITTED, b"1"), (REPLAYED, str(origin).encode())]
    try:
        written = await producer.send_and_wait(
            topic,
            letter.value if fixed is None else fixed,
            key=letter.key or None,
            partition=origin.partition,
            headers=headers,
        )
    except (KafkaError, OSError) as error:
        raise UnavailableError(f"Kafka refused {origin}: {str(error) or type(error).__name__}") from error
    return Origin(origin.topic, int(written.partition), int(written.offset))


async def _fates(clickhouse: ClickHouse, records: Sequence[Origin]) -> dict[Origin, Fate]:
    found: dict[Origin, Fate] = {}
    for topic in sorted({one.topic for one in records}):
        where = "(kafka_partition, kafka_offset) IN {records:Array(Tuple(UInt16, UInt64))}"
        rows = await clickhouse.query(
            f"""
            SELECT kafka_partition, kafka_offset, 'inserted' FROM {topic} WHERE {where}
            UNION ALL
            SELECT kafka_partition, kafka_offset, 'duplicate' FROM duplicates WHERE topic = {{topic:String}} AND {where}
            UNION ALL
            SELECT kafka_partition, kafka_offset, concat('rejected: ', reason) FROM dead_letters
            WHERE topic = {{topic:String}} AND {where}
            """,
            {"topic": topic, "records": [(one.partition, one.offset) for one in records if one.topic == topic]},
        )
        found |= {Origin(topic, int(partition), int(offset)): fate for partition, offset, fate in rows}
    return found


def _origins(letters: Sequence[Letter]) -> tuple[Origin, ...]:
    return tuple(letter.summary.origin for letter in letters)
