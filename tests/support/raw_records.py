"""Records as they are; and some that no client's interface lets one write, put together byte by byte."""

import struct
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from stream.base.kafka import client_options
from stream.base.settings import Settings

BAD_NAME = b"n\xff\xfe"
_PLACEHOLDER = "n**"
_CRC_AT, _CHECKED_FROM = 17, 21


def batch(values: Sequence[bytes | None], bad: Sequence[int], *, first: int = 0) -> bytes:
    """A record batch of these values; those whose numbers are in `bad` have a header whose name is not UTF-8."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 1 << 20)
    for number, value in enumerate(values):
        headers = [("fine", None), (_PLACEHOLDER, b"x")] if number in bad else []
        assert builder.append(number, 0, b"k", value, headers)
    return sealed(bytearray(bytes(builder.build()).replace(_PLACEHOLDER.encode(), BAD_NAME)), first=first)


def sealed(raw: bytearray, *, first: int = 0) -> bytes:
    """A batch whose checksum is right, from an offset on."""
    struct.pack_into(">q", raw, 0, first)
    struct.pack_into(">I", raw, _CRC_AT, calc_crc32c(bytes(raw[_CHECKED_FROM:])))
    return bytes(raw)


async def send(settings: Settings, topic: str, records: list[tuple[bytes, bytes | None]]) -> None:
    """Some records, each once the broker has the one before."""
    producer = AIOKafkaProducer(**client_options(settings.kafka))
    await producer.start()
    for key, value in records:
        await producer.send_and_wait(settings.topic(topic), value, key=key)
    await producer.stop()


async def send_batch(
    settings: Settings, topic: str, partition: int, values: Sequence[bytes | None], bad: Sequence[int]
) -> Any:
    """Write such a batch to a topic, named without its prefix; returns where its first record went, and when."""
    producer = AIOKafkaProducer(**client_options(settings.kafka))
    await producer.start()
    try:
        builder = producer.create_batch()
        for value in values:
            assert builder.append(key=b"k", value=value, timestamp=None)
        builder.close()
        builder._buffer = bytearray(batch(values, bad))
        return await (await producer.send_batch(builder, settings.topic(topic), partition=partition))
    finally:
        await producer.stop()
