import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition

from stream.base.errors import UnavailableError
from stream.registry import topic
from stream.registry.snapshot import Mark
from stream.registry.topic import TopicReader


class Frozen:
    """A consumer whose broker told the end of the topic and then froze."""

    def seek(self, _partition: TopicPartition, offset: int) -> None:
        self._position = offset

    async def end_offsets(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 100)

    async def position(self, _partition: TopicPartition) -> int:
        return self._position

    async def getmany(self, *_partitions: TopicPartition, **_bounds: int) -> dict[TopicPartition, list[Any]]:
        await asyncio.sleep(0)
        return {}


async def test_a_broker_that_freezes_while_a_mark_is_looked_for_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic, "PATIENCE", 20)
    reader = TopicReader(Frozen(), TopicPartition("registry", 0))
    with pytest.raises(UnavailableError, match="offset 50 of the registry does not come"):
        async with asyncio.timeout(30):
            await reader.go_behind(Mark(50, 0, 0))
