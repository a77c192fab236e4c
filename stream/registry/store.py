"""The snapshot on local disk: what an edge starts from when Kafka is down, and what saves reading the topic.

Blocks of keys and values, each with its CRC: a head, links, all else, an end with the number of records. The file is
written beside and renamed, so a reader finds the old one or the new one; what does not check out is no snapshot. It
holds salts: only its owner may read it, and what a killed process left half-written goes with the next save.
"""

import fcntl
import os
import struct
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, replace
from glob import escape
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, Final
from zlib import crc32

import orjson

from schemas.registry import Record, encode_record
from schemas.rejects import Reject
from stream.base import log
from stream.base.settings import Settings
from stream.registry.snapshot import Builder, Mark, Snapshot

_FORMAT: Final = 2
"""Raise it when a record that an older version let pass might not pass today, or one that it left out would."""
_HEAD, _LINKS, _THINGS, _END = b"H", b"L", b"T", b"E"
_FRAME: Final = struct.Struct("<cIII")
"""Kind, number of records, bytes of the keys, bytes of the values; lengths, keys and values follow, and the CRC."""
_CRC: Final = struct.Struct("<I")
_MAX_BLOCK: Final = 1 << 30
"""A damaged length must not become an allocation of its size."""
_FRESH_MS: Final = 12 * 3_600_000
_RANDOM: Final = "?" * 8
"""What tempfile adds to a name."""
_logger = log.get(__name__)


class DamagedError(Exception):
    """The file is no whole snapshot of this version."""


def path_of(settings: Settings) -> Path:
    """Where the snapshot of these settings lies."""
    return settings.data.dir / "registry" / f"{settings.topic('registry')}.snapshot"


def load_fresh(settings: Settings, now_ms: int) -> Snapshot | None:
    """The snapshot of this machine, if there is a whole one.

    Without its mark when it is old: brokers forget deletions (`delete.retention.ms`, 24 h by default), so whoever goes
    on from there could miss one, and must read the topic from its beginning.
    """
    path = path_of(settings)
    try:
        snapshot, saved_ms = load(path)
    except FileNotFoundError:
        return None
    except (OSError, DamagedError) as error:
        _logger.warning("registry snapshot not used, the topic is read instead", path=str(path), reason=str(error))
        return None
    return snapshot if 0 <= now_ms - saved_ms < _FRESH_MS else replace(snapshot, mark=None)


def save(path: Path, snapshot: Snapshot, *, saved_ms: int) -> None:
    """Write the snapshot; `saved_ms` is the time now.

    Raises:
        OSError: the disk refused; the file that was there still is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with _saving(path), NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as file:
        try:
            for kind, keys, values in _blocks(snapshot, saved_ms):
                _write(file, kind, keys, values)
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


@contextmanager
def _saving(path: Path) -> Iterator[None]:
    """Shows other processes that a save is under way; removes first what killed ones left, unless one is.

    Edge and API of one machine save to the same path. Leftovers hold salts, which nobody else would ever delete.
    """
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for leftover in path.parent.glob(f"{escape(path.name)}{_RANDOM}"):
                leftover.unlink()
        with suppress(OSError):  # a file system without such locks: then nothing is removed either
            fcntl.flock(directory, fcntl.LOCK_SH)
        yield
    finally:
        os.close(directory)


def load(path: Path) -> tuple[Snapshot, int]:
    """The snapshot and the time it was saved, in milliseconds.

    Raises:
        OSError: there is none, or it cannot be read.
        DamagedError: there is one that is not whole.
    """
    with path.open("rb") as file:
        try:
            return _load(_read(file))
        except (struct.error, orjson.JSONDecodeError, UnicodeDecodeError, Reject) as error:
            raise DamagedError(f"{type(error).__name__}: {error}") from error
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedError(f"the head is not as it should be: {error!r}") from error


def _blocks(snapshot: Snapshot, saved_ms: int) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    head = {
        "format": _FORMAT,
        "saved_ms": saved_ms,
        "offset": snapshot.offset,
        "mark": astuple(snapshot.mark) if snapshot.mark else None,
        "highest": snapshot.highest_number,
        "salts": {day: key.hex() for day, key in snapshot.salts.items()},
        "own_salts": {day: key.hex() for day, key in snapshot.own_salts.items()},
    }
    yield _HEAD, [b""], [orjson.dumps(head)]
    for shard in snapshot.shards:
        if shard:
            yield _LINKS, [code.encode() for code in shard], list(shard.values())
    tables = (snapshot.stores, snapshot.guides, snapshot.campaigns, snapshot.api_keys)
    records: list[Record] = [record for table in tables for record in table.values()]
    pairs = [encode_record(record) for record in records]
    yield _THINGS, [key for key, _ in pairs], [value or b"" for _, value in pairs]
    yield _END, [b""], [orjson.dumps(snapshot.links + len(records))]


def _write(file: Any, kind: bytes, keys: list[bytes], values: list[bytes]) -> None:
    lengths, names, body = array("I", map(len, values)).tobytes(), b"\n".join(keys), b"".join(values)
    head = _FRAME.pack(kind, len(keys), len(names), len(body)) + lengths + names
    file.write(head)
    file.write(body)
    file.write(_CRC.pack(crc32(body, crc32(head))))


def _read(file: BinaryIO) -> Iterator[tuple[bytes, list[bytes], list[bytes]]]:
    """Every block up to the end's; a file that stops before it is damaged."""
    kind = b""
    while kind != _END:
        frame = file.read(_FRAME.size)
        kind, count, names_length, body_length = _FRAME.unpack(frame)
        if count * 4 + names_length + body_length > _MAX_BLOCK:
            raise DamagedError("a block longer than any that is written")
        lengths, names, body = file.read(count * 4), file.read(names_length), file.read(body_length)
        if _CRC.pack(crc32(body, crc32(frame + lengths + names))) != file.read(_CRC.size):
            raise DamagedError("a block's checksum does not match")
        yield kind, names.split(b"\n") if count else [], _cut(body, array("I", lengths))


def _cut(body: bytes, lengths: Iterable[int]) -> list[bytes]:
    values: list[bytes] = []
    position = 0
    for length in lengths:
        values.append(body[position : position + length])
        position += length
    return values


def _load(blocks: Iterator[tuple[bytes, list[bytes], list[bytes]]]) -> tuple[Snapshot, int]:
    kind, _, values = next(blocks)
    head = orjson.loads(values[0]) if kind == _HEAD else {}
    if head.get("format") != _FORMAT:
        raise DamagedError("not a snapshot of this version")
    builder = Builder()
    builder.load_salts({day: bytes.fromhex(key) for day, key in head["salts"].items()})
    builder.own_salts = {day: bytes.fromhex(key) for day, key in head["own_salts"].items()}
    count = 0
    for kind, keys, values in blocks:
        if kind == _END:
            if count != orjson.loads(values[0]):
                raise DamagedError("blocks are missing")
            break
        count += len(keys)
        if kind == _LINKS:
            builder.load_links(zip([key.decode("ascii") for key in keys], values, strict=True))
        else:
            for key, value in zip(keys, values, strict=True):
                builder.feed(key, value)
    builder.raise_highest(head["highest"])
    mark = Mark(*head["mark"]) if head["mark"] else None
    return builder.build(head["offset"], mark), head["saved_ms"]
