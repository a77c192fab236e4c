"""The lane of the topic `registry`: its records as rows in ClickHouse, for BI. Edges and windows never read those."""

from typing import Any

from faust.types import TP

from schemas.registry.codec import decode_record
from schemas.rejects import Reject
from stream.base import log, metrics
from stream.base.errors import InvariantError
from stream.sink import registry_mirror
from stream.worker.lane import Lane
from stream.worker.sink import Sink
from stream.worker.transport import Consumer

_logger = log.get(__name__)


class RegistryLane(Lane):
    """The topic's only partition. Rows are versioned by offset, so what is written twice changes nothing."""

    contiguous = False  # compacted, and written in transactions

    def __init__(self, tp: TP, epoch: int, consumer: Consumer, *, pace_s: float, sink: Sink) -> None:
        super().__init__(tp, epoch, consumer, pace_s)
        self._sink = sink

    async def recover(self) -> int:
        """Behind the highest record that the mirror holds, whatever was committed: the tables may be new."""
        reached = await self._sink.ask("registry_reached", registry_mirror.reached)
        earliest, end = (await self.consumer.bounds(self.tp))[self.tp]
        if reached >= end:
            raise InvariantError(
                f"{self.tp.topic} ends at offset {end}, but its mirror in ClickHouse reaches offset {reached}: the "
                "topic was made anew. Use another GUIDESTREAM_CLICKHOUSE_DATABASE or GUIDESTREAM_KAFKA_TOPIC_PREFIX"
            )
        return max(earliest, reached + 1)

    async def take(self, records: list[Any]) -> None:
        """Decode and write."""
        changes = []
        for record in records:
            try:
                decoded = decode_record(record.key, record.value)
            except Reject as reject:
                metrics.REGISTRY_REJECTED.inc()
                _logger.warning("registry record not mirrored", offset=record.offset, reason=reject.reason)
                continue
            changes.append(registry_mirror.Change(record.offset, record.timestamp, decoded))
        await self._sink.ask("insert_registry", lambda clickhouse: registry_mirror.write(clickhouse, changes))
        self.consumer.settle(self.tp, records[-1].offset + 1, self.epoch)
