"""The two kinds of windows, clicks and conversions, as the pipeline sees them: written, counted again, shown."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final, Generic

from schemas.topics import CLICKS, CONVERSIONS
from schemas.windows import ConversionWindowRow, WindowRow
from stream.aggregate.partition import Flush, Frozen
from stream.sink import conversion_windows, recount, rows
from stream.worker.gauges import Gauges
from stream.worker.sink import Sink
from stream.worker.stage_gauges import StageGauges

_ROWS_AT_ONCE: Final = 20_000
"""Of one recount: some 30 MB, as they were written and as they are now, however long an outage was."""


class WindowKind(ABC, Generic[Frozen]):
    """One per process and kind. Rows that are written twice say the same, so they need no token."""

    table: recount.RawTable

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    @abstractmethod
    async def write(self, partition_rows: Sequence[tuple[int, Frozen]], now_ms: int) -> None:
        """Write window rows, each with its Kafka partition."""

    @abstractmethod
    async def recount(self, partition: int, starts: Sequence[int]) -> tuple[list[Frozen], list[Frozen]]:
        """Some windows of a partition as they were last written and as raw rows have them now."""

    @abstractmethod
    def grew(self, flush: Flush[Frozen]) -> None:
        """Show what a flush adds."""

    @abstractmethod
    def restated(self, before: Sequence[Frozen], after: Sequence[Frozen]) -> None:
        """Show what a recount changes."""

    async def portions(self, partition: int, starts: Sequence[int]) -> list[list[int]]:
        """Windows in portions that are recounted at once."""
        return await self.sink.ask(
            "portions", lambda clickhouse: recount.portions(clickhouse, self.table, partition, starts, _ROWS_AT_ONCE)
        )


class ClickWindows(WindowKind[WindowRow]):
    """`link_windows`."""

    table: recount.RawTable = CLICKS

    def __init__(self, sink: Sink, gauges: Gauges) -> None:
        super().__init__(sink)
        self._gauges = gauges

    async def write(self, partition_rows: Sequence[tuple[int, WindowRow]], now_ms: int) -> None:
        """As the base says."""
        if partition_rows:
            block = rows.window_block(partition_rows, updated_ms=now_ms)
            await self.sink.insert("link_windows", rows.WINDOW_COLUMNS, block, token="")

    async def recount(self, partition: int, starts: Sequence[int]) -> tuple[list[WindowRow], list[WindowRow]]:
        """As the base says."""
        before = await self.sink.ask("written", lambda ch: recount.written(ch, partition, starts))
        return before, await self.sink.ask("recount", lambda ch: recount.recounted(ch, partition, starts))

    def grew(self, flush: Flush[WindowRow]) -> None:
        """As the base says."""
        self._gauges.grew(flush.rows, flush.before)

    def restated(self, before: Sequence[WindowRow], after: Sequence[WindowRow]) -> None:
        """As the base says."""
        self._gauges.restated(before, after)


class ConversionWindows(WindowKind[ConversionWindowRow]):
    """`conversion_windows`."""

    table: recount.RawTable = CONVERSIONS

    def __init__(self, sink: Sink, gauges: StageGauges) -> None:
        super().__init__(sink)
        self._gauges = gauges

    async def write(self, partition_rows: Sequence[tuple[int, ConversionWindowRow]], now_ms: int) -> None:
        """As the base says."""
        if partition_rows:
            block = conversion_windows.conversion_window_block(partition_rows, updated_ms=now_ms)
            columns = conversion_windows.CONVERSION_WINDOW_COLUMNS
            await self.sink.insert("conversion_windows", columns, block, token="")

    async def recount(
        self, partition: int, starts: Sequence[int]
    ) -> tuple[list[ConversionWindowRow], list[ConversionWindowRow]]:
        """As the base says."""
        before = await self.sink.ask("written", lambda ch: conversion_windows.written(ch, partition, starts))
        found = await self.sink.ask("recount", lambda ch: conversion_windows.recounted(ch, partition, starts))
        return before, conversion_windows.complete(found, before)

    def grew(self, flush: Flush[ConversionWindowRow]) -> None:
        """As the base says."""
        self._gauges.grew(flush.rows, flush.before)

    def restated(self, before: Sequence[ConversionWindowRow], after: Sequence[ConversionWindowRow]) -> None:
        """As the base says."""
        self._gauges.restated(before, after)


AnyKind = WindowKind[Any]
