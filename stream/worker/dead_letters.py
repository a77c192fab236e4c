"""Where rejected and repeated events go: ClickHouse first, then the topic `dead_letters` for whoever listens.

The topic's record has the original key and value; where it came from and why it was rejected stands in its headers. It
is written at least once; in ClickHouse an event is one row, known by its origin.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiokafka.errors import KafkaError

from schemas.topics import DEAD_LETTERS
from stream.base import log
from stream.sink.rows import (
    DEAD_LETTER_COLUMNS,
    DUPLICATE_COLUMNS,
    DeadLetter,
    Duplicate,
    dead_letter_block,
    duplicate_block,
)
from stream.worker.sink import Sink

Headers = list[tuple[str, bytes]]
Publish = Callable[[bytes | None, bytes | None, Headers], Awaitable[Awaitable[object]]]
"""Hands a record to the producer of `dead_letters`; what it returns is done when the broker has it."""

_LARGEST_KEY: Final = 64_000
_LARGEST_VALUE: Final = 900_000
"""A broker takes 1 MiB with everything; a longer value is cut, and says so. ClickHouse has all of it."""
_AT_ONCE: Final = 500
_PAUSE_S: Final = 1.0
_logger = log.get(__name__)


class DeadLetters:
    """One per process."""

    def __init__(self, sink: Sink, publish: Publish) -> None:
        self._sink = sink
        self._publish = publish

    async def write(
        self,
        topic: str,
        partition: int,
        rejected: Sequence[DeadLetter],
        duplicates: Sequence[Duplicate],
        received_ms: int,
    ) -> None:
        """Write what a batch does not accept; when this returns it is in both places. `topic` without the prefix."""
        if duplicates:
            block = duplicate_block(duplicates, topic=topic, partition=partition, received_ms=received_ms)
            await self._sink.insert("duplicates", DUPLICATE_COLUMNS, block, _token(topic, partition, duplicates))
        if rejected:
            block = dead_letter_block(rejected, topic=topic, partition=partition, received_ms=received_ms)
            await self._sink.insert("dead_letters", DEAD_LETTER_COLUMNS, block, _token(topic, partition, rejected))
            for start in range(0, len(rejected), _AT_ONCE):
                await self._send(topic, partition, rejected[start : start + _AT_ONCE])

    async def _send(self, topic: str, partition: int, letters: Sequence[DeadLetter]) -> None:
        waiting = list(letters)
        while waiting:
            outcomes = await asyncio.gather(
                *[self._send_one(topic, partition, letter) for letter in waiting], return_exceptions=True
            )
            errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
            for error in errors:
                if not isinstance(error, KafkaError):
                    raise error
            waiting = [letter for letter, out in zip(waiting, outcomes, strict=True) if out is not None]
            if errors:
                _logger.warning("sending again", topic=DEAD_LETTERS, records=len(waiting), error=str(errors[0]))
                await asyncio.sleep(_PAUSE_S)

    async def _send_one(self, topic: str, partition: int, letter: DeadLetter) -> None:
        key, value = _cut(letter.key, _LARGEST_KEY), _cut(letter.value, _LARGEST_VALUE)
        acknowledged = await self._publish(key, value, headers(topic, partition, letter))
        await acknowledged


def headers(topic: str, partition: int, letter: DeadLetter) -> Headers:
    """What a record of `dead_letters` says about itself; numbers as decimal text."""
    said = {
        "origin_topic": topic,
        "origin_partition": str(partition),
        "origin_offset": str(letter.offset),
        "origin_time_ms": str(letter.append_ms),
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
    }
    if letter.value is not None and len(letter.value) > _LARGEST_VALUE:
        said["cut_from_bytes"] = str(len(letter.value))
    return [(name, value.encode("utf-8", "replace")) for name, value in said.items()]


def _cut(value: bytes | None, longest: int) -> bytes | None:
    return value[:longest] if value is not None else None


def _token(topic: str, partition: int, events: Sequence[DeadLetter] | Sequence[Duplicate]) -> str:
    return f"{topic}:{partition}:{events[0].offset}-{events[-1].offset}:{len(events)}"
