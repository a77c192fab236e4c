"""What reading every record assumes about the inside of aiokafka, and that it holds."""

import inspect
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from stream.base import kafka_records
from tests.support.raw_records import batch

VALUES = [b"a", b"b", b"c"]


@pytest.fixture(autouse=True)
def _installed() -> None:
    kafka_records.install()


def read(data: bytes, first: int = 0) -> Any:
    records = fetcher.MemoryRecords(data)
    assert records.has_next()
    one, isolation = TopicPartition("clicks", 1), fetcher.READ_COMMITTED
    return fetcher.PartitionRecords(one, records, None, first, None, None, check_crcs=True, isolation_level=isolation)


def test_a_fetch_is_read_through_names_of_the_fetchers_module() -> None:
    source = inspect.getsource(fetcher.Fetcher._proc_fetch_request)
    assert "records = MemoryRecords(part_data[-1])" in source
    assert "PartitionRecords(" in source


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
    data = batch(VALUES, ())
    reading = read(data)
    record = next(reading)
    raw = next(iter(MemoryRecords(data).next_batch()))
    theirs = super(type(reading), reading)._consumer_record(TopicPartition("clicks", 1), raw)
    names = ("topic", "partition", "offset", "timestamp", "timestamp_type", "key", "value", "headers")
    assert isinstance(record, kafka_records.Record)
    assert [getattr(record, name) for name in names] == [getattr(theirs, name) for name in names]


def test_what_was_read_to_its_end_has_no_more() -> None:
    reading = read(batch(VALUES, ()))
    assert len(list(reading)) == len(VALUES)
    assert list(reading) == []
    assert next(reading, None) is None
    assert list(reading) == []
