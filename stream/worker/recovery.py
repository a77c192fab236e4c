"""Where a partition is taken up: R from raw rows, C from the group, and what the topic still holds.

R is what counts: offsets live with the data. C only says how far windows are known to be written.
"""

from dataclasses import dataclass

from faust.types import TP

from stream.aggregate.partition import NEVER, Partition, Recovered
from stream.aggregate.rows import OpenRow
from stream.base import log, metrics
from stream.base.errors import InvariantError
from stream.sink import recount, visitors
from stream.worker.sink import Sink
from stream.worker.transport import Consumer

_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a partition stands."""

    reach: recount.Reach
    committed: int
    start: int
    """The first offset to be read: behind R and C, and not before what the broker still has."""


async def find_position(table: recount.RawTable, tp: TP, sink: Sink, consumer: Consumer) -> Position:
    """Ask ClickHouse and Kafka where to go on.

    Raises:
        InvariantError: raw rows reach beyond the topic's end: they are of another topic.
    """
    reach = await sink.ask("reach", lambda clickhouse: recount.reach(clickhouse, table, tp.partition))
    (earliest, end) = (await consumer.bounds(tp))[tp]
    if reach.offset >= end:
        raise _made_anew(tp, f"ends at offset {end}, but its raw rows reach offset {reach.offset}")
    if reach.offset >= earliest:
        await _check_same_topic(table, tp, reach.offset, sink, consumer)
    committed = await consumer.committed(tp)
    if committed is None:
        committed = min(earliest, reach.offset + 1)
    start = max(committed, reach.offset + 1)
    if start < earliest:
        metrics.EXPIRED.labels(table).inc(earliest - start)
        _logger.error(
            "events were dropped by the broker before they were read; raise kafka.retention_hours",
            topic=tp.topic,
            partition=tp.partition,
            lost=earliest - start,
        )
        start = earliest
    return Position(reach, committed, start)


async def _check_same_topic(table: recount.RawTable, tp: TP, offset: int, sink: Sink, consumer: Consumer) -> None:
    """A topic made anew grows beyond the old one's end some day: then only the broker's clock tells them apart.

    Where retention has dropped the record already nothing can be compared, and nothing of it is left to be read.
    """
    row_ms = await sink.ask("append_time", lambda ch: recount.append_time(ch, table, tp.partition, offset))
    record_ms = await consumer.append_time(tp, offset)
    if row_ms is not None and record_ms is not None and row_ms != record_ms:
        raise _made_anew(
            tp,
            f"has a record at offset {offset} that was appended at {record_ms}, but the raw row of that offset was "
            f"appended at {row_ms} (milliseconds since 1970)",
        )


def _made_anew(tp: TP, what: str) -> InvariantError:
    return InvariantError(
        f"{tp.topic}/{tp.partition} {what}: the topic was made anew. Use another GUIDESTREAM_CLICKHOUSE_DATABASE or "
        "GUIDESTREAM_KAFKA_TOPIC_PREFIX, or restore the topic"
    )


async def recover_windows(tp: TP, position: Position, grace_ms: int, oldest_ms: int, sink: Sink) -> Partition:
    """Windows as raw rows say they are: the open ones in memory, those touched from C to R marked.

    Args:
        tp: the partition.
        position: where it stands.
        grace_ms: how long a window stays open after its end.
        oldest_ms: windows that start before have lost raw rows to their time to live, and are left as they are.
        sink: ClickHouse.
    """
    number, reach = tp.partition, position.reach.offset
    arrival = position.reach.append_ms if reach >= 0 else NEVER
    since = Partition(grace_ms, Recovered(arrival=arrival)).closed_before
    rows: list[OpenRow] = []
    touched: list[int] = []
    if reach >= 0:
        found = await sink.ask("open_windows", lambda ch: recount.open_windows(ch, number, since, reach))
        rows = [OpenRow.restored(row, seen) for row, seen in found]
    if reach >= position.committed:
        await sink.ask("refill", lambda ch: visitors.refill(ch, number, position.committed, reach))
        touched = await sink.ask("touched", lambda ch: recount.touched(ch, "clicks", number, position.committed, reach))
    return Partition(
        grace_ms,
        Recovered(
            reach=reach,
            committed=position.committed,
            arrival=arrival,
            rows=rows,
            touched=[start for start in touched if start >= oldest_ms],
        ),
    )
