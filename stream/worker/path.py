"""The whole path of a batch of clicks, a line per stage: decode -> validate -> enrich -> aggregate -> sink.

Everything of a batch that could be lost is in ClickHouse before its raw rows, because a restart goes on behind the last
raw row. The partition's windows take the batch's counts when its raw rows are in.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import gt, sub
from time import perf_counter
from typing import Any, Final

import msgspec

from schemas.click_record import ClickRecord, read_click, read_clicks
from schemas.rejects import Reject
from schemas.topics import CLICKS
from stream.aggregate.partition import Partition
from stream.aggregate.tally import Tally
from stream.base import metrics
from stream.base.clock import Clock
from stream.base.errors import InvariantError
from stream.enrich.clicks import ClickEnricher
from stream.sink.rows import CLICK_COLUMNS, ClickColumns, ClickEncoder, DeadLetter, Duplicate
from stream.worker.dead_letters import DeadLetters
from stream.worker.fates import Fates, RejectLimit, dead_letter, duplicates_in, is_retransmitted, read_mark
from stream.worker.sink import Sink

LOG_APPEND_TIME: Final = 1
_CHUNK: Final = 500
"""Clicks that go through all stages at once. What they decode to, some 5 KiB each, stays in the processor's cache; a
whole batch of them does not, and takes half as long again."""
_FRESHNESS_SAMPLES: Final = 32
"""Of one batch: observing every event would cost as much as enriching it."""


@dataclass(slots=True)
class Decoded:
    """The good clicks of some records, column by column, and what was rejected."""

    clicks: list[ClickRecord] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    append_times: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    """Event times; one that is ahead of the broker's clock is set back to it."""
    retransmitted: list[bool] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)
    clamped: int = 0
    """How many were set back."""

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
            clamped=self.clamped,
        )


@dataclass(slots=True)
class Prepared:
    """A batch that is ready to be written: everything is decided, nothing is written."""

    received_ms: int
    blocks: list[bytes] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    rejected: list[DeadLetter] = field(default_factory=list)
    duplicates: list[Duplicate] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    """Event times of the accepted clicks."""
    clamped: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    """Spent per stage."""


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
        check_clock(records[0], CLICKS)
        batch = Prepared(self._clock())
        for chunk in await self._chunks(records, partition, batch):
            self._prepare(chunk, partition, windows.closed_before, batch)
            await asyncio.sleep(0)  # others may run: a large batch takes a fifth of a second
        self._limit.check(len(records), batch.rejected)

        started = perf_counter()
        await self._dead_letters.write(CLICKS, partition, batch.rejected, batch.duplicates, batch.received_ms)
        if batch.times:
            token = f"{CLICKS}:{partition}:{records[0].offset}-{records[-1].offset}:{len(batch.times)}"
            await self._sink.insert(CLICKS, CLICK_COLUMNS, b"".join(batch.blocks), token)
        batch.seconds["insert"] = perf_counter() - started

        arrival_ms = max([record.timestamp for record in records])
        late = windows.apply(batch.tally, next_offset=records[-1].offset + 1, arrival_ms=arrival_ms)
        metrics.LATE.labels(CLICKS).inc(late)
        fates.count(consumed=len(records), rejected=batch.rejected, duplicates=len(batch.duplicates))
        _observe(batch, self._clock())

    async def _chunks(self, records: Sequence[Any], partition: int, batch: Prepared) -> Iterator[Decoded]:
        """Decode a batch, a chunk at a time; only one with records that were sent again pays for a look-up."""
        if not any(record.headers and is_retransmitted(record.headers) for record in records):
            return self._decoded(records, batch)
        # A record that was sent again lies behind its original, in the same partition: the spool's pump and the replay
        # of dead letters see to that. So the original is in this batch or its row is in ClickHouse: a partition's
        # batches are taken one after the other, each is in when `take` returns, and an assignment begins where the rows
        # that are there end.
        decoded = decode(records, self._future_ms)
        ids = [click.id for click in decoded.clicks]
        known = await self._sink.known("clicks", compress(ids, decoded.retransmitted))
        batch.duplicates = duplicates_in(ids, decoded.offsets, partition, decoded.retransmitted, known)
        return iter([decoded.without(batch.duplicates)])

    def _decoded(self, records: Sequence[Any], batch: Prepared) -> Iterator[Decoded]:
        for start in range(0, len(records), _CHUNK):
            started = perf_counter()
            decoded = decode(records[start : start + _CHUNK], self._future_ms)
            _spent(batch, "decode", started)
            yield decoded

    def _prepare(self, chunk: Decoded, partition: int, closed_before: int, batch: Prepared) -> None:
        started = perf_counter()
        found = [self._enricher.enrich(click) for click in chunk.clicks]
        started = _spent(batch, "enrich", started)

        batch.tally.count(chunk.clicks, chunk.times, chunk.offsets, [one.verdict.is_human for one in found])
        started = _spent(batch, "aggregate", started)

        columns = ClickColumns(chunk.clicks, chunk.offsets, chunk.append_times, chunk.times, found, chunk.retransmitted)
        batch.blocks.append(
            self._encoder.encode(
                columns, partition=partition, received_ms=batch.received_ms, closed_before=closed_before
            )
        )
        _spent(batch, "encode", started)

        batch.rejected += chunk.rejected
        batch.times += chunk.times
        batch.clamped += chunk.clamped
        for one in found:
            if one.errors:
                for name in one.errors:
                    metrics.ENRICH_FAILED.labels(name).inc()


def check_clock(record: Any, topic: str) -> None:
    """Raises:
    InvariantError: the record, of a topic named without its prefix, carries its producer's clock, which no window may
        follow.
    """
    if record.timestamp_type != LOG_APPEND_TIME:
        raise InvariantError(
            f"topic {topic}: records carry their producer's clock, not the broker's; "
            "set message.timestamp.type=LogAppendTime (guidestream topics --apply does it)"
        )


def decode(records: Sequence[Any], future_ms: int) -> Decoded:
    """Decode and validate Kafka records of the topic `clicks`."""
    return _all_good(records, future_ms) or _one_by_one(records, future_ms)


def _all_good(records: Sequence[Any], future_ms: int) -> Decoded | None:
    """The usual case, column by column, in a quarter of the time; None when a record is not for this way."""
    try:
        clicks = read_clicks([record.value for record in records])
        retransmitted = [bool(record.headers) and read_mark(record.headers) for record in records]
    except (msgspec.MsgspecError, ValueError, TypeError, Reject):
        return None
    append_times = [record.timestamp for record in records]
    times = [click.ts for click in clicks]
    clamped = sum(map(gt, times, append_times))
    if clamped:
        if max(map(sub, times, append_times)) > future_ms:
            return None
        times = list(map(min, times, append_times))
    return Decoded(
        clicks=clicks,
        offsets=[record.offset for record in records],
        append_times=append_times,
        times=times,
        retransmitted=retransmitted,
        clamped=clamped,
    )


def _one_by_one(records: Sequence[Any], future_ms: int) -> Decoded:
    batch = Decoded()
    for record in records:
        appended = record.timestamp
        try:
            retransmitted = bool(record.headers) and read_mark(record.headers)
            click = read_click(record.value, appended, future_ms)
        except Reject as reject:
            batch.rejected.append(dead_letter(record, "validate", reject))
            continue
        batch.clicks.append(click)
        batch.offsets.append(record.offset)
        batch.append_times.append(appended)
        batch.times.append(min(click.ts, appended))
        batch.clamped += click.ts > appended
        batch.retransmitted.append(retransmitted)
    return batch


def _spent(batch: Prepared, stage: str, started: float) -> float:
    now = perf_counter()
    batch.seconds[stage] = batch.seconds.get(stage, 0.0) + now - started
    return now


def _observe(batch: Prepared, now_ms: int) -> None:
    metrics.CLAMPED.labels(CLICKS).inc(batch.clamped)
    for stage, seconds in batch.seconds.items():
        metrics.STAGE_SECONDS.labels(stage).observe(seconds)
    for time in batch.times[:: max(1, len(batch.times) // _FRESHNESS_SAMPLES)]:
        metrics.FRESHNESS_SECONDS.observe(max(0, now_ms - time) / 1000)
