"""Consumers that read every record: aiokafka 0.14 gives up a partition at a header whose name is not UTF-8.

A broker does not look at the names of headers, so any producer can write such a record, and a consumer that cannot pass
it reads it again for ever. Here such a name is read with its bad bytes as surrogates (PEP 383): nothing of it is lost,
and whoever looks at headers can tell with `is_text`.

Records come as aiokafka's batches make them, without topic and partition, which whoever fetches knows. They pass from
a batch to a list with no line of Python in between: 0.52 instead of 1.16 us of processor a record of 600 bytes, parsing
and checksum included (2026-11).

A batch that is damaged is another matter: nobody knows what it held, so reading ends with an error that names it.
`tests/contract` holds what is assumed about aiokafka's inside.
"""

import struct
from collections.abc import Iterator
from itertools import chain, dropwhile, islice
from typing import Any, Final, Protocol

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

_LENGTH: Final = struct.Struct(">8xi")
"""Of a batch: what follows it."""
_MAGIC_AT: Final = 16
_WITH_HEADERS: Final = 2
"""The first version of the format that has headers."""


class Record(Protocol):
    """What a record has; deserializers are not for it."""

    offset: int
    timestamp: int
    """Milliseconds since 1970 UTC."""
    timestamp_type: int
    """1: the broker's clock, 0: the producer's."""
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def install() -> None:
    """Make every consumer of this process read so; the fetcher offers no other way in."""
    fetcher.MemoryRecords = _Kept
    fetcher.PartitionRecords = _Records
    fetcher.FetchResult = _Result


def is_text(name: str) -> bool:
    """Whether the name of a header was UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(name: str) -> str:
    r"""The name of a header with `\xff` for each bad byte."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class _Kept:
    """aiokafka's reader of a fetch, and what it reads from."""

    __slots__ = ("data", "has_next", "next_batch", "size_in_bytes")

    def __init__(self, data: bytes) -> None:
        records = MemoryRecords(data)
        self.data = data
        self.has_next = records.has_next
        self.next_batch = records.next_batch
        self.size_in_bytes = records.size_in_bytes


class _Records(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka is untyped to mypy
    """The records of one fetch of one partition."""

    next_fetch_offset: int
    _records: Any
    _records_iterator: Iterator[Record]

    def __next__(self) -> Record:
        for record in self.take(1):
            return record
        raise StopIteration

    def take(self, limit: int | None) -> list[Record]:
        """The next records, up to a limit; fewer, or none, when these were the last."""
        records: list[Record] = []
        try:
            try:
                records.extend(islice(self._records_iterator, limit))
            except UnicodeDecodeError:
                # The rest of the fetch is read in Python: ten times as long, for what no honest producer sends.
                self._stand_behind(records)
                self._records = _Tolerant(self._records.data, self.next_fetch_offset)
                self._records_iterator = self._unpack_records()
                records.extend(islice(self._records_iterator, None if limit is None else limit - len(records)))
        except Exception as error:
            self._stand_behind(records)
            raise CorruptRecordException(
                f"{self._tp.topic}/{self._tp.partition}: the batch at offset {self.next_fetch_offset} cannot be read "
                f"({error!r}). Nothing behind it is read, as it may hold good records: restore the partition from a "
                "replica, or delete the records up to the batch's end (kafka-delete-records)"
            ) from error
        self._stand_behind(records)
        return records

    def _stand_behind(self, records: list[Record]) -> None:
        if records:
            self.next_fetch_offset = max(self.next_fetch_offset, records[-1].offset + 1)

    def _unpack_records(self) -> Iterator[Record]:
        return chain.from_iterable(self._batches())

    def _batches(self) -> Iterator[Iterator[Record]]:
        while self._records.has_next():
            batch = self._records.next_batch()
            if not batch.validate_crc():
                raise CorruptRecordException("its checksum is wrong")
            if self._is_shown(batch):
                yield dropwhile(self._is_before, batch)
            # Behind its last record, which compaction may have removed.
            self.next_fetch_offset = batch.next_offset

    def _is_before(self, record: Record) -> bool:
        return record.offset < self.next_fetch_offset

    def _is_shown(self, batch: Any) -> bool:
        """By the rules of aiokafka's own loop: neither what was aborted nor the marks of transactions."""
        if self._isolation_level == fetcher.READ_COMMITTED and batch.producer_id is not None:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control_batch and self._contains_abort_marker(batch):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return False
        return not batch.is_control_batch


class _Result(fetcher.FetchResult):  # type: ignore[misc] # aiokafka is untyped to mypy
    """A fetch of one partition that gives its records many at a time."""

    _partition_records: _Records | None

    def getall(self, max_records: int | None = None) -> list[Record]:
        if not self.check_assignment(self._topic_partition) or self._partition_records is None:
            return []
        records = self._partition_records.take(max_records)
        self._update_position()
        if max_records is None or len(records) < max_records:
            self._partition_records = None
        return records


class _Tolerant:
    """The batches of a fetch from an offset on, each of which reads any name."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._batches = _batches(data, offset)
        self._next = next(self._batches, None)

    def has_next(self) -> bool:
        return self._next is not None

    def next_batch(self) -> Any:
        batch, self._next = self._next, next(self._batches, None)
        return batch


def _batches(data: bytes, offset: int) -> Iterator[Any]:
    start = 0
    while start + _LENGTH.size <= len(data):
        end = start + _LENGTH.size + _LENGTH.unpack_from(data, start)[0]
        if end > len(data):
            return  # a broker may cut the last one off
        one = data[start:end]
        batch = _Batch(one) if one[_MAGIC_AT] >= _WITH_HEADERS else MemoryRecords(one).next_batch()
        if batch.next_offset > offset:
            yield batch
        start = end


class _Batch(_DefaultRecordBatchPy):  # type: ignore[misc] # aiokafka is untyped to mypy
    """aiokafka's reader in Python, which takes names as they are."""

    _buffer: Any

    def __iter__(self) -> Any:
        super().__iter__()  # decompresses
        self._buffer = _AnyText(self._buffer)
        return self


class _AnyText(bytearray):
    """Bytes of which each slice is text."""

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return found if isinstance(found, int) else _AnyText(found)

    def decode(self, encoding: str = "utf-8", errors: str = "") -> str:
        del errors  # strict
        return super().decode(encoding, "surrogateescape")
