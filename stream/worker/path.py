"""The whole path of a batch of clicks, a line per stage: decode -> validate -> enrich -> aggregate -> sink.

Everything of a batch that could be lost is in ClickHouse before its raw rows, because a restart goes on behind the last
raw row. Windows count a batch when its raw rows are in.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from time import perf_counter
from typing import Any, Final

from schemas.clicks import Click, decode_click
from schemas.rejects import Reject
from schemas.topics import CLICKS
from stream.aggregate.partition import Partition
from stream.base import metrics
from stream.base.clock import Clock
from stream.base.errors import InvariantError
from stream.enrich.clicks import ClickEnricher
from stream.sink.rows import CLICK_COLUMNS, ClickColumns, ClickEncoder, DeadLetter, Duplicate
from stream.worker.dead_letters import DeadLetters
from stream.worker.fates import Fates, RejectLimit, dead_letter, duplicates_in, is_retransmitted
from stream.worker.sink import Sink

LOG_APPEND_TIME: Final = 1
_FRESHNESS_SAMPLES: Final = 32
"""Of one batch: observing every event would cost as much as enriching it."""


@dataclass(slots=True)
class Decoded:
    """The good clicks of a batch, column by column, and what was rejected."""

    clicks: list[Click] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    append_times: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    """Event times; one that is ahead of the broker's clock is set back to it."""
    retransmitted: list[bool] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)

    def without(self, duplicates: Iterable[Duplicate]) -> "Decoded":
        """All but these."""
        gone = {one.offset for one in duplicates}
        if not gone:
            return self
        keep = [offset not in gone for offset in self.offsets]
        return Decoded(
            clicks=list(compress(self.clicks, keep)),
            offsets=list(compress(self.offsets, keep)),
            append_times=list(compress(self.append_times, keep)),
            times=list(compress(self.times, keep)),
            retransmitted=list(compress(self.retransmitted, keep)),
            rejected=self.rejected,
        )


class ClickPath:
    """The stages with their ports; one per process."""

    def __init__(
        self,
        *,
        future_ms: int,
        enricher: ClickEnricher,
        encoder: ClickEncoder,
        sink: Sink,
        dead_letters: DeadLetters,
        reject_limit: RejectLimit,
        clock: Clock,
    ) -> None:
        self._future_ms = future_ms
        self._enricher = enricher
        self._encoder = encoder
        self._sink = sink
        self._dead_letters = dead_letters
        self._limit = reject_limit
        self._clock = clock

    async def take(self, records: Sequence[Any], partition: int, windows: Partition, fates: Fates) -> None:
        """Take a batch of one partition from Kafka records to raw rows and windows; when it returns, all of it is in.

        Raises:
            RejectLimitError: before anything was written.
            InvariantError: the topic's records do not carry the broker's clock.
        """
        started = perf_counter()
        batch = decode(records, self._future_ms)
        self._limit.check(len(records), batch.rejected)
        started = await _done("decode", started)

        duplicates = await self._duplicates(batch, partition)
        batch = batch.without(duplicates)
        if duplicates:
            started = await _done("deduplicate", started)

        found = [self._enricher.enrich(click) for click in batch.clicks]
        started = await _done("enrich", started)

        received_ms = self._clock()
        accepted = ClickColumns(
            batch.clicks, batch.offsets, batch.append_times, batch.times, found, batch.retransmitted
        )
        block = self._encoder.encode(
            accepted, partition=partition, received_ms=received_ms, closed_before=windows.closed_before
        )
        started = await _done("encode", started)

        await self._dead_letters.write(CLICKS, partition, batch.rejected, duplicates, received_ms)
        if block:
            token = f"{CLICKS}:{partition}:{records[0].offset}-{records[-1].offset}:{len(batch.offsets)}"
            await self._sink.insert(CLICKS, CLICK_COLUMNS, block, token)
        started = await _done("insert", started)

        late = windows.apply(
            batch.clicks,
            batch.times,
            batch.offsets,
            [one.verdict.is_human for one in found],
            next_offset=records[-1].offset + 1,
            arrival_ms=max(record.timestamp for record in records),
        )
        await _done("aggregate", started)
        fates.count(consumed=len(records), rejected=batch.rejected, duplicates=len(duplicates))
        _observe(accepted, late, self._clock())

    async def _duplicates(self, batch: Decoded, partition: int) -> list[Duplicate]:
        """Only what was sent again pays for a look-up."""
        if not any(batch.retransmitted):
            return []
        ids = [click["id"] for click in batch.clicks]
        known = await self._sink.known("clicks", compress(ids, batch.retransmitted))
        return duplicates_in(ids, batch.offsets, partition, batch.retransmitted, known)


def check_clock(record: Any) -> None:
    """Raises:
    InvariantError: the record carries its producer's clock, which no window may follow.
    """
    if record.timestamp_type != LOG_APPEND_TIME:
        raise InvariantError(
            f"topic {record.topic}: records carry their producer's clock, not the broker's; "
            "set message.timestamp.type=LogAppendTime (guidestream topics --apply does it)"
        )


def decode(records: Sequence[Any], future_ms: int) -> Decoded:
    """Decode and validate Kafka records of the topic `clicks`."""
    check_clock(records[0])
    batch = Decoded()
    clicks, offsets, append_times = batch.clicks, batch.offsets, batch.append_times
    times, retransmitted = batch.times, batch.retransmitted
    for record in records:
        appended = record.timestamp
        try:
            click = decode_click(record.value, appended, future_ms)
        except Reject as reject:
            batch.rejected.append(dead_letter(record, "validate", reject))
            continue
        time = click["ts"]
        clicks.append(click)
        offsets.append(record.offset)
        append_times.append(appended)
        times.append(min(time, appended))
        retransmitted.append(bool(record.headers) and is_retransmitted(record.headers))
    return batch


async def _done(stage: str, started: float) -> float:
    """Say how long a stage took, and let others run: a batch of 20,000 takes a fifth of a second."""
    metrics.STAGE_SECONDS.labels(stage).observe(perf_counter() - started)
    await asyncio.sleep(0)
    return perf_counter()


def _observe(batch: ClickColumns, late: int, now_ms: int) -> None:
    metrics.LATE.labels(CLICKS).inc(late)
    metrics.CLAMPED.labels(CLICKS).inc(sum(a != c["ts"] for a, c in zip(batch.times, batch.clicks, strict=True)))
    for enrichment in batch.enrichments:
        if enrichment.errors:
            for name in enrichment.errors:
                metrics.ENRICH_FAILED.labels(name).inc()
    for time in batch.times[:: max(1, len(batch.times) // _FRESHNESS_SAMPLES)]:
        metrics.FRESHNESS_SECONDS.observe(max(0, now_ms - time) / 1000)
