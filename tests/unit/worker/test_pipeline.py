from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from faust.types import TP

from stream.worker.lane import Lane
from stream.worker.pipeline import Pipeline

ONE = TP("conversions", 0)


class Idle(Lane):
    """Recovers at once and gets nothing to do."""

    async def recover(self) -> int:
        return 0

    async def take(self, records: list[Any]) -> None:
        raise AssertionError(records)


def a_pipeline(consumer: Any) -> Pipeline:
    makers = {ONE.topic: lambda tp, epoch, consumer: Idle(tp, epoch, consumer, 0.0)}
    return Pipeline(makers, [Mock()], lambda: 0, lambda error: pytest.fail(repr(error)))


@pytest.mark.parametrize("confirmed", [True, False])
async def test_a_worker_says_that_all_is_committed_only_when_the_broker_confirmed_it(*, confirmed: bool) -> None:
    consumer: Any = SimpleNamespace(
        epoch=1, full=set(), open=AsyncMock(return_value=True), commit=AsyncMock(), all_committed=confirmed
    )
    pipeline = a_pipeline(consumer)
    pipeline.begin([ONE], consumer)
    assert await pipeline.end(10) is confirmed
    assert consumer.commit.await_count == 3  # after the flush, the recount, and what others were told
