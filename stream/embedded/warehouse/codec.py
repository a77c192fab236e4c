"""Compressed bodies: HTTP content codings, and ClickHouse's own compressed blocks. Memory is bounded in every way."""

import struct
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Protocol

import lz4.block
import lz4.frame
from clickhouse_cityhash.cityhash import CityHash128

from stream.embedded.warehouse.failure import EngineError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE: Final = 1024 * 1024
"""Decompressed data come in pieces of at most this many bytes."""
MAX_BLOCK: Final = 256 * 1024 * 1024
"""Of ClickHouse's own compressed blocks; clients send about 1 MiB."""

# Checksum (16 bytes), then method, compressed size with these nine bytes, decompressed size.
_BLOCK_HEAD: Final = struct.Struct("<16sBII")
_CHECKED_HEAD: Final = struct.Struct("<BII")
_LZ4, _ZSTD, _NONE = 0x82, 0x90, 0x02
# The order in which a server prefers them.
_CODINGS: Final = ("zstd", "lz4", "gzip", "deflate")


class Decoder(Protocol):
    """Turns a body, as it comes in, into its content."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The content of these bytes, as far as it is complete, in bounded pieces."""

    def end(self) -> None:
        """Say that the body has ended.

        Raises:
            EngineError: it ended in the middle.
        """


class Encoder(Protocol):
    """Turns an answer, as it is made, into its body."""

    def feed(self, data: bytes) -> bytes:
        """Take more content; returns what is ready."""

    def end(self) -> bytes:
        """The rest."""


def decoder(coding: str, *, native: bool) -> Decoder:
    """For a `Content-Encoding`, and within it ClickHouse's blocks where `decompress=1` says so.

    Raises:
        EngineError: 415, no such coding.
    """
    name = coding.strip().lower()
    outer: Decoder
    if name in ("", "identity"):
        outer = _Plain()
    elif name in _DECODERS:
        outer = _Coded(name, _DECODERS[name])
    else:
        raise EngineError(
            415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Encoding {name[:32]!r}: use one of {', '.join(_CODINGS)}"
        )
    return _Blocks(outer) if native else outer


def choose(accepted: str) -> str:
    """The coding for an answer, from `Accept-Encoding`; empty for none."""
    wanted = set()
    for item in accepted.lower().split(","):
        name, _, quality = item.partition(";")
        if quality.replace(" ", "") not in ("q=0", "q=0.0"):
            wanted.add(name.strip())
    return next((name for name in _CODINGS if name in wanted), "")


def encoder(coding: str, level: int) -> Encoder:
    """For a coding that `choose` returned; `level` is 1 to 9, for gzip and deflate."""
    if coding == "zstd":
        return _Zstd()
    if coding == "lz4":
        return _Lz4()
    return _Zlib(31 if coding == "gzip" else 15, level)


def encoded(pieces: Iterable[bytes], using: Encoder) -> Iterator[bytes]:
    """Compress an answer piece by piece."""
    for piece in pieces:
        if ready := using.feed(piece):
            yield ready
    if rest := using.end():
        yield rest


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        """Every end is a good one."""


class _Coded:
    """Around the common way to decompress with a bound: `decompress(data, limit)`, `eof`, `needs_input`."""

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self._name = name
        self._make = make
        self._state = make()
        self._fresh = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        while True:
            if self._state.eof:
                if not data:
                    return
                self._state = self._make()  # another member or frame follows, which all of them allow
            self._fresh = False
            try:
                piece = self._state.decompress(data, PIECE)
            except Exception as error:  # each library has its own
                raise EngineError(432, "CANNOT_DECOMPRESS", f"the body is not valid {self._name}: {error}") from error
            data = self._state.unused_data if self._state.eof else b""
            if piece:
                yield piece
            if not data and (self._state.eof or self._state.needs_input):
                return

    def end(self) -> None:
        if not self._fresh and not self._state.eof:
            raise EngineError(33, "CANNOT_READ_ALL_DATA", f"the {self._name} body ends too early")


class _ZlibState:
    """zlib with the interface that the other decompressors have."""

    def __init__(self, bits: int) -> None:
        self._zlib = zlib.decompressobj(bits)
        self._full = False

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._full and not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, limit: int) -> bytes:
        piece = self._zlib.decompress(self._zlib.unconsumed_tail + data, limit)
        self._full = len(piece) == limit  # then more may be waiting inside
        return piece


class _Blocks:
    """ClickHouse's own compressed blocks."""

    def __init__(self, outer: Decoder) -> None:
        self._outer = outer
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        for piece in self._outer.feed(data):
            self._held += piece
            while (block := self._take()) is not None:
                yield block

    def end(self) -> None:
        self._outer.end()
        if self._held:
            raise EngineError(33, "CANNOT_READ_ALL_DATA", "the body ends inside a compressed block")

    def _take(self) -> bytes | None:
        if len(self._held) < _BLOCK_HEAD.size:
            return None
        checksum, method, packed, size = _BLOCK_HEAD.unpack_from(self._held)
        if size > MAX_BLOCK or packed > MAX_BLOCK or packed < _CHECKED_HEAD.size:
            raise EngineError(89, "TOO_LARGE_SIZE_COMPRESSED", f"a compressed block of {packed} for {size} bytes")
        end = 16 + packed
        if len(self._held) < end:
            return None
        checked = bytes(self._held[16:end])
        del self._held[:end]
        if _checksum(checked) != checksum:
            raise EngineError(40, "CHECKSUM_DOESNT_MATCH", "a compressed block arrived damaged")
        return _unpack(method, checked[_CHECKED_HEAD.size :], size)


def _unpack(method: int, data: bytes, size: int) -> bytes:
    try:
        if method == _LZ4:
            return bytes(lz4.block.decompress(data, uncompressed_size=size))
        if method == _ZSTD:
            return zstd.ZstdDecompressor().decompress(data, size)
    except Exception as error:  # each library has its own
        raise EngineError(432, "CANNOT_DECOMPRESS", f"a compressed block cannot be read: {error}") from error
    if method == _NONE:
        return data
    raise EngineError(89, "UNKNOWN_COMPRESSION_METHOD", f"compression method {method:#x}: use LZ4, ZSTD or none")


def _checksum(data: bytes) -> bytes:
    number: int = CityHash128(data)
    # Two 64-bit halves, the higher one first; each little-endian.
    return (number >> 64).to_bytes(8, "little") + (number & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(8, "little")


class NativeEncoder:
    """ClickHouse's own compressed blocks, LZ4, as `compress=1` asks for."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Take more content; returns the blocks that are full."""
        self._held += data
        out = []
        while len(self._held) >= PIECE:
            out.append(_pack(bytes(self._held[:PIECE])))
            del self._held[:PIECE]
        return b"".join(out)

    def end(self) -> bytes:
        """The last block."""
        return _pack(bytes(self._held)) if self._held else b""


def _pack(data: bytes) -> bytes:
    packed = bytes(lz4.block.compress(data, store_size=False))
    checked = _CHECKED_HEAD.pack(_LZ4, len(packed) + _CHECKED_HEAD.size, len(data)) + packed
    return _checksum(checked) + checked


class _Zlib:
    def __init__(self, bits: int, level: int) -> None:
        self._zlib = zlib.compressobj(level, wbits=bits)

    def feed(self, data: bytes) -> bytes:
        return self._zlib.compress(data)

    def end(self) -> bytes:
        return self._zlib.flush()


class _Zstd:
    def __init__(self) -> None:
        self._zstd = zstd.ZstdCompressor(level=1)

    def feed(self, data: bytes) -> bytes:
        return self._zstd.compress(data)

    def end(self) -> bytes:
        return self._zstd.flush()


class _Lz4:
    def __init__(self) -> None:
        self._lz4 = lz4.frame.LZ4FrameCompressor()
        self._started = False

    def feed(self, data: bytes) -> bytes:
        return self._begin() + bytes(self._lz4.compress(data))

    def end(self) -> bytes:
        return self._begin() + bytes(self._lz4.flush())

    def _begin(self) -> bytes:
        if self._started:
            return b""
        self._started = True
        return bytes(self._lz4.begin())


_DECODERS: Final[dict[str, Callable[[], Any]]] = {
    "gzip": lambda: _ZlibState(31),
    "x-gzip": lambda: _ZlibState(31),
    "deflate": lambda: _ZlibState(15),
    "zstd": zstd.ZstdDecompressor,
    "lz4": lz4.frame.LZ4FrameDecompressor,
}
