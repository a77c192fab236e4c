"""Bodies compressed and not, and documents made of the pieces of a stream."""

import gzip
import random
import struct
import zlib
from collections.abc import Callable

import lz4.frame
import pytest
from backports import zstd

from stream.embedded.warehouse import codec, formats
from stream.embedded.warehouse.failure import EngineError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
    "native": lambda data: b"".join(codec.encoded([data], codec.NativeEncoder())),
    "": lambda data: data,
}
DATA = random.Random(1).randbytes(1000) * 3000


def decoder(coding: str) -> codec.Decoder:
    return codec.decoder("" if coding == "native" else coding, native=coding == "native")


@pytest.mark.parametrize("coding", PACKERS)
@pytest.mark.parametrize("step", [97, 65536, 10_000_000])
def test_a_body_is_decoded_however_it_is_cut(coding: str, step: int) -> None:
    data = DATA[:20_000] if step == 97 else DATA
    body = PACKERS[coding](data)
    reading = decoder(coding)
    pieces = [piece for start in range(0, len(body), step) for piece in reading.feed(body[start : start + step])]
    reading.end()
    assert b"".join(pieces) == data


@pytest.mark.parametrize("coding", ["gzip", "zstd", "lz4"])
def test_members_and_frames_may_follow_each_other(coding: str) -> None:
    reading = decoder(coding)
    assert b"".join(reading.feed(PACKERS[coding](b"one,") + PACKERS[coding](b"two"))) == b"one,two"
    reading.end()


@pytest.mark.parametrize("coding", ["gzip", "zstd", "lz4", "deflate"])
def test_a_bomb_comes_in_pieces(coding: str) -> None:
    bomb = PACKERS[coding](b"\0" * 50_000_000)
    reading = decoder(coding)
    sizes = [len(piece) for piece in reading.feed(bomb)]
    assert (sum(sizes), max(sizes) <= codec.PIECE) == (50_000_000, True)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "lz4", "native"])
def test_a_body_that_ends_too_early_is_an_error(coding: str) -> None:
    body = PACKERS[coding](DATA)
    for end in (1, len(body) // 2, len(body) - 1):
        reading = decoder(coding)
        list(reading.feed(body[:end]))
        with pytest.raises(EngineError):
            reading.end()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "lz4", "native"])
def test_what_is_not_of_its_coding_is_an_error(coding: str) -> None:
    with pytest.raises(EngineError):
        list(decoder(coding).feed(b"this was never compressed, though it is long enough for a head" * 10))


def test_a_damaged_block_is_found_by_its_checksum() -> None:
    body = bytearray(PACKERS["native"](DATA))
    body[1000] ^= 1
    with pytest.raises(EngineError) as caught:
        list(decoder("native").feed(bytes(body)))
    assert caught.value.name == "CHECKSUM_DOESNT_MATCH"


def test_a_block_that_claims_to_be_huge_is_refused_before_anything_is_kept() -> None:
    head = b"\0" * 16 + struct.pack("<BII", 0x82, 100, 4_000_000_000)
    with pytest.raises(EngineError):
        list(decoder("native").feed(head))


def test_the_best_coding_that_the_client_accepts_is_chosen() -> None:
    assert codec.choose("gzip, deflate, br, zstd") == "zstd"
    assert codec.choose("gzip;q=1.0, deflate;q=0") == "gzip"
    assert codec.choose("br, identity") == ""
    assert codec.choose("") == ""


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "lz4"])
def test_an_answer_is_encoded_piece_by_piece(coding: str) -> None:
    for pieces in ([], [b""], [b"a", b"", DATA]):
        body = b"".join(codec.encoded(pieces, codec.encoder(coding, 3)))
        reading = decoder(coding)
        assert b"".join(reading.feed(body)) == b"".join(pieces)
        reading.end()


@pytest.mark.parametrize(
    ("fmt", "pieces", "document"),
    [
        ("TSV", [b"1\n", b"2\n"], b"1\n2\n"),
        ("TSVWithNamesAndTypes", [b"a\nUInt8\n1\n", b"a\nUInt8\n2\n"], b"a\nUInt8\n1\n2\n"),
        ("CSVWithNames", [b'"a\n""b"",\nc",d\n1,2\n', b'"a\n""b"",\nc",d\n3,4\n'], b'"a\n""b"",\nc",d\n1,2\n3,4\n'),
        ("RowBinaryWithNames", [b"\x01\x01a\x05", b"\x01\x01a\x06"], b"\x01\x01a\x05\x06"),
        (
            "RowBinaryWithNamesAndTypes",
            [b"\x01\x01a\x05UInt8\x05", b"\x01\x01a\x05UInt8\x06"],
            b"\x01\x01a\x05UInt8\x05\x06",
        ),
        ("JSONCompactEachRowWithNames", [b'["a"]\n[1]\n', b'["a"]\n[2]\n'], b'["a"]\n[1]\n[2]\n'),
        ("CSVWithNames", [b'"a"\n'], b'"a"\n'),
        ("JSONEachRow", [], b""),
    ],
)
def test_pieces_become_one_document(fmt: str, pieces: list[bytes], document: bytes) -> None:
    assert formats.can_stream(fmt)
    assert b"".join(formats.splice(fmt, pieces)) == document


def test_formats_with_a_foot_are_not_streamed() -> None:
    assert not any(
        formats.can_stream(fmt) for fmt in ("JSON", "JSONCompact", "Parquet", "Arrow", "XML", "Pretty", "Nope")
    )


def test_media_types_are_a_servers() -> None:
    assert formats.media_type("JSONEachRow").startswith("application/x-ndjson")
    assert formats.media_type("JSON").startswith("application/json")
    assert formats.media_type("TabSeparated").startswith("text/tab-separated-values")
    assert formats.media_type("PrettyCompact").startswith("text/plain")
