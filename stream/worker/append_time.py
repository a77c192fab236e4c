"""When the broker appended one record, asked without moving any position: a fetch beside the consumer's own."""

from typing import Any, Final

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP

_WAIT_MS: Final = 1_000
_ONE_BATCH: Final = 1
"""Bytes: a broker sends a whole batch all the same, and no second one."""


async def append_time(client: Any, tp: TP, offset: int) -> int | None:
    """Milliseconds since 1970 UTC; None when the broker has no such record, or cannot say now.

    Args:
        client: of aiokafka, connected.
        tp: a partition whose records carry the broker's clock, one time a batch.
        offset: which record.

    Raises:
        KafkaError: the broker does not answer.
    """
    leader = client.cluster.leader_for_partition(TopicPartition(*tp))
    if leader is None or leader < 0:
        return None
    wanted = [(tp.topic, [(tp.partition, offset, _ONE_BATCH)])]
    response = await client.send(leader, FetchRequest(_WAIT_MS, 1, _ONE_BATCH, READ_UNCOMMITTED, wanted))
    ((_, ((_, error, *_, data),)),) = response.topics
    batch = MemoryRecords(data).next_batch() if data and not error else None
    if batch is None or not batch.base_offset <= offset < batch.next_offset:
        return None
    return int(batch.max_timestamp)
