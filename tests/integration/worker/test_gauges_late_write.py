"""Gauges after an assignment during which a write of the one before was still on its way."""

import asyncio
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest
from faust.types import TP
from prometheus_client import REGISTRY

from schemas.topics import CLICKS
from stream.base.settings import load
from stream.sink.clickhouse import ClickHouse
from stream.worker.lease import Lease
from stream.worker.pipeline import Pipeline
from stream.worker.transport import Batch
from stream.worker.wiring import make_parts
from tests.support.conversion_lane import Time
from tests.support.events import AT_MS, click, encode
from tests.support.waiting import eventually

GUIDE = "导购"


class Held:
    """ClickHouse, whose writes of windows wait for `go`."""

    def __init__(self, clickhouse: ClickHouse) -> None:
        self._clickhouse = clickhouse
        self.waiting = asyncio.Event()
        self.go = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clickhouse, name)

    async def insert(self, table: str, *args: Any, **kwargs: Any) -> None:
        if table == "link_windows":
            self.waiting.set()
            await self.go.wait()
        await self._clickhouse.insert(table, *args, **kwargs)


def a_consumer(tp: TP, epoch: int, end: int) -> Any:
    """Of a topic that ends at an offset, of which nothing is committed."""
    return SimpleNamespace(
        epoch=epoch,
        full=set(),
        bounds=AsyncMock(return_value={tp: (0, end)}),
        committed=AsyncMock(return_value=None),
        append_time=AsyncMock(return_value=AT_MS),
        open=AsyncMock(return_value=True),
        settle=Mock(),
        commit=AsyncMock(),
        all_committed=True,
    )


def a_record(offset: int, ts: int) -> Any:
    value = encode(click(id=f"{offset:030d}", ts=ts, guide=GUIDE))
    return SimpleNamespace(offset=offset, value=value, key=b"k", timestamp=AT_MS, timestamp_type=1, headers=())


def shown() -> float | None:
    return REGISTRY.get_sample_value("guidestream_guide_clicks", {"guide": GUIDE, "window": "day"})


async def ready(pipeline: Pipeline) -> None:
    await eventually(lambda: pipeline.ready)


@pytest.mark.parametrize("late", [True, False])
async def test_clicks_whose_windows_an_older_assignment_wrote_late_or_in_time_are_shown_once(
    environ: dict[str, str], migrated: ClickHouse, *, late: bool
) -> None:
    settings, clickhouse = load(environ), Held(migrated)
    clock = Time(AT_MS + 1_000)
    parts = make_parts(settings, clickhouse, Lease(1e9), clock, lambda error: pytest.fail(repr(error)))  # type: ignore[arg-type] # stands for it
    pipeline, gauges = parts.pipeline, parts.pipeline._gauges
    tp = TP(settings.topic(CLICKS), 0)
    try:
        pipeline.begin([tp], a_consumer(tp, 1, 0))
        await ready(pipeline)
        # The first one's window is closed by the second, and both are on their way when the partition comes back.
        pipeline.offer(Batch(tp, [a_record(0, AT_MS - 600_000), a_record(1, AT_MS)], 1))
        await eventually(lambda: not pipeline.lanes[tp].busy and pipeline.lanes[tp].next_offset == 2)
        writing = asyncio.create_task(pipeline.flush())
        await clickhouse.waiting.wait()
        if not late:
            clickhouse.go.set()
            await writing
        pipeline.begin([tp], a_consumer(tp, 2, 2))
        await ready(pipeline)
        clickhouse.go.set()
        await writing
        await pipeline.recount()
        await pipeline.flush()
        gauges[0].show()
        assert shown() == 2
    finally:
        pipeline._drop()
        for one in gauges:
            one.clear()
            one.show()
