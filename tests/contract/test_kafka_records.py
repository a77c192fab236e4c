"""What reading every record assumes about the inside of aiokafka, and that it holds."""

import inspect
import struct
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBase, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from stream.base import kafka_records
from tests.support.raw_records import batch, sealed

VALUES = [b"a", b"b", b"c"]
_ATTRIBUTES_AT = 22
"""The low byte."""


@pytest.fixture(autouse=True)
def _installed() -> None:
    kafka_records.install()


def read(
    data: bytes, first: int = 0, isolation: int = fetcher.READ_COMMITTED, aborted: list[tuple[int, int]] | None = None
) -> Any:
    records = fetcher.MemoryRecords(data)
    assert records.has_next()
    one = TopicPartition("clicks", 1)
    return fetcher.PartitionRecords(
        one, records, aborted, first, None, None, check_crcs=True, isolation_level=isolation
    )


def usual(
    data: bytes, first: int = 0, isolation: int = fetcher.READ_COMMITTED, aborted: list[tuple[int, int]] | None = None
) -> list[Any]:
    """What aiokafka's own reader makes of it."""
    kind = fetcher.PartitionRecords.__base__
    one, records = TopicPartition("clicks", 1), MemoryRecords(data)
    return list(kind(one, records, aborted, first, None, None, check_crcs=True, isolation_level=isolation))


def transactional(values: list[bytes], *, producer: int, first: int = 0) -> bytes:
    """A batch of a transaction."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, 0, 1 << 20)
    for number, value in enumerate(values):
        assert builder.append(number, 0, b"k", value, [])
    return sealed(bytearray(builder.build()), first=first)


def marker(*, aborted: bool, producer: int, first: int) -> bytes:
    """The end of a transaction."""
    builder = DefaultRecordBatchBuilder(2, 0, 1, producer, 0, 0, 1 << 20)
    assert builder.append(0, 0, struct.pack(">hh", 0, not aborted), b"\0" * 6, [])
    raw = bytearray(builder.build())
    raw[_ATTRIBUTES_AT] |= DefaultRecordBase.CONTROL_MASK
    return sealed(raw, first=first)


def test_a_fetch_is_read_through_names_of_the_fetchers_module() -> None:
    source = inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert "records = MemoryRecords(part_data[-1])" in source
    assert "PartitionRecords(" in source
    assert "FetchResult(" in source
    assert "res_or_error.getall(max_records)" in inspect.getsource(fetcher.Fetcher.fetched_records)


def test_each_record_comes_once_and_in_order_wherever_the_bad_ones_are() -> None:
    data = (
        batch(VALUES, ()) + batch(VALUES, (0, 2), first=3) + batch(VALUES, (1,), first=6) + batch(VALUES, (), first=9)
    )
    cut_off = batch(VALUES, (0,), first=12)[:-5]
    reading = read(data + cut_off)
    found = list(reading)
    assert [record.offset for record in found] == list(range(12))
    assert [record.value for record in found] == VALUES * 4
    assert [record.offset for record in found if record.headers] == [3, 5, 7]
    assert reading.next_fetch_offset == 12


def test_a_fetch_may_begin_within_a_batch() -> None:
    assert [record.offset for record in read(batch(VALUES, (0, 1, 2), first=3), first=4)] == [4, 5]


def test_a_bad_name_is_kept_and_told_from_a_good_one() -> None:
    (record,) = read(batch([b"v"], (0,)))
    (good, none), (bad, value) = record.headers
    assert (good, none, value) == ("fine", None, b"x")
    assert kafka_records.is_text(good)
    assert kafka_records.is_text("导购")
    assert not kafka_records.is_text(bad)
    assert bad.encode("utf-8", "surrogateescape") == b"n\xff\xfe"
    assert kafka_records.as_text(bad) == r"n\xff\xfe"


@pytest.mark.parametrize("place", [30, -1], ids=["head", "records"])
def test_a_damaged_batch_is_an_error_that_names_it_behind_all_good_ones(place: int) -> None:
    damaged = bytearray(batch(VALUES, (), first=3))
    damaged[place] ^= 1
    reading = read(batch(VALUES, ()) + bytes(damaged))
    assert [next(reading).offset for _ in VALUES] == [0, 1, 2]
    with pytest.raises(CorruptRecordException, match="clicks/1: the batch at offset 3 cannot be read"):
        next(reading)


def test_a_record_has_what_aiokafkas_own_has() -> None:
    (record,) = read(batch([b"v"], (), first=7)).take(1)
    theirs = usual(batch([b"v"], (), first=7))[0]
    names = ("offset", "timestamp", "timestamp_type", "key", "value")
    assert [getattr(record, name) for name in names] == [getattr(theirs, name) for name in names]
    assert tuple(record.headers) == theirs.headers


@pytest.mark.parametrize("isolation", [fetcher.READ_COMMITTED, fetcher.READ_UNCOMMITTED])
@pytest.mark.parametrize("first", [0, 1, 5, 9])
@pytest.mark.parametrize("at_once", [1, 2, 4, None])
def test_what_is_read_and_what_is_not_is_as_in_aiokafkas_own_loop(
    first: int, isolation: int, at_once: int | None
) -> None:
    data = (
        transactional(VALUES, producer=1)
        + batch(VALUES, (), first=3)
        + transactional(VALUES, producer=2, first=6)
        + marker(aborted=True, producer=1, first=9)
        + marker(aborted=False, producer=2, first=10)
        + transactional(VALUES, producer=1, first=11)
        + marker(aborted=False, producer=1, first=14)
        + batch(VALUES, (), first=15)[:-4]
    )
    aborted = [(1, 0)]
    reading, found = read(data, first, isolation, aborted), []
    while records := reading.take(at_once):
        found += records
    theirs = usual(data, first, isolation, aborted)
    assert [(one.offset, one.value) for one in found] == [(one.offset, one.value) for one in theirs]
    assert reading.next_fetch_offset == 15


def test_a_bad_name_behind_an_aborted_transaction_does_not_bring_it_back() -> None:
    data = (
        transactional(VALUES, producer=1)
        + marker(aborted=True, producer=1, first=3)
        + transactional(VALUES, producer=1, first=4)
        + batch(VALUES, (1,), first=7)
    )
    found = read(data, aborted=[(1, 0)]).take(None)
    assert [record.offset for record in found] == [4, 5, 6, 7, 8, 9]


def test_a_position_moves_with_what_was_taken() -> None:
    reading = read(batch(VALUES, ()) + batch(VALUES, (), first=3))
    for limit, position in ((2, 2), (3, 5), (3, 6)):
        reading.take(limit)
        assert reading.next_fetch_offset == position


def test_what_was_read_to_its_end_has_no_more() -> None:
    reading = read(batch(VALUES, ()))
    assert len(list(reading)) == len(VALUES)
    assert list(reading) == []
    assert next(reading, None) is None
    assert list(reading) == []
