"""The lane of the topic `conversions`: decode -> validate -> sink. Every event is checked for being there already."""

from collections.abc import Sequence
from typing import Any

from faust.types import TP

from schemas.conversions import decode_conversion
from schemas.rejects import Reject
from schemas.topics import CONVERSIONS
from stream.base import metrics
from stream.base.clock import Clock
from stream.base.settings import Settings
from stream.sink.conversions import CONVERSION_COLUMNS, RawConversion, conversion_block
from stream.sink.rows import DeadLetter
from stream.worker.dead_letters import DeadLetters
from stream.worker.fates import Fates, RejectLimit, dead_letter, duplicates_in, read_mark
from stream.worker.lane import Lane
from stream.worker.path import check_clock
from stream.worker.recovery import find_position
from stream.worker.sink import Sink
from stream.worker.transport import Consumer


class ConversionLane(Lane):
    """One partition of `conversions`. Without windows a batch is done when its rows are in."""

    def __init__(  # noqa: PLR0913 - what a lane is made of
        self,
        tp: TP,
        epoch: int,
        consumer: Consumer,
        *,
        settings: Settings,
        sink: Sink,
        dead_letters: DeadLetters,
        reject_limit: RejectLimit,
        clock: Clock,
    ) -> None:
        super().__init__(tp, epoch, consumer, settings.worker.batch_ms / 1000)
        self._future_ms = settings.worker.future_ms
        self._currency = settings.brand.currency
        self._sink = sink
        self._dead_letters = dead_letters
        self._limit = reject_limit
        self._clock = clock
        self._fates = Fates(CONVERSIONS, tp.partition)

    async def recover(self) -> int:
        """Behind the last raw row."""
        return (await find_position("conversions", self.tp, self._sink, self.consumer)).start

    async def take(self, records: list[Any]) -> None:
        """The whole path, a line per stage."""
        partition = self.tp.partition
        decoded, rejected = decode(records, self._future_ms, self._currency)
        self._limit.check(len(records), rejected)

        ids = [one.event["event_id"] for one in decoded]
        known = await self._sink.known("conversions", ids)
        duplicates = duplicates_in(ids, [one.offset for one in decoded], partition, [True] * len(ids), known)
        gone = {one.offset for one in duplicates}
        accepted = [one for one in decoded if one.offset not in gone]

        received_ms = self._clock()
        await self._dead_letters.write(CONVERSIONS, partition, rejected, duplicates, received_ms)
        if accepted:
            block = conversion_block(accepted, partition=partition, received_ms=received_ms)
            token = f"{CONVERSIONS}:{partition}:{records[0].offset}-{records[-1].offset}:{len(accepted)}"
            await self._sink.insert(CONVERSIONS, CONVERSION_COLUMNS, block, token)

        self.consumer.settle(self.tp, records[-1].offset + 1, self.epoch)
        self._fates.count(consumed=len(records), rejected=rejected, duplicates=len(duplicates))
        metrics.CLAMPED.labels(CONVERSIONS).inc(sum(one.time_ms != one.event["occurred_at"] for one in accepted))


def decode(records: Sequence[Any], future_ms: int, currency: str) -> tuple[list[RawConversion], list[DeadLetter]]:
    """Decode and validate Kafka records of the topic `conversions`."""
    check_clock(records[0])
    good: list[RawConversion] = []
    rejected: list[DeadLetter] = []
    for record in records:
        appended = record.timestamp
        try:
            read_mark(record.headers)
            event = decode_conversion(record.value, appended, future_ms, currency=currency)
        except Reject as reject:
            rejected.append(dead_letter(record, "validate", reject))
        else:
            good.append(RawConversion(event, record.offset, appended, min(event["occurred_at"], appended)))
    return good, rejected
