"""Output formats: their media types, and which can be handed on piece by piece. Pure.

The engine renders each block of a streamed result as a document of its own. Formats without head and foot are whole
when the pieces are put end to end; others repeat their head in each piece, and a `Splicer` keeps the first one only;
the rest (JSON, Parquet, ...) cannot be streamed.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final

_END_OF_STREAM: Final = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_JSON: Final = "application/json; charset=UTF-8"
_TSV: Final = "text/tab-separated-values; charset=UTF-8"
_CSV: Final = "text/csv; charset=UTF-8; header="

_MEDIA: Final = {
    "json": _JSON,
    "jsoncompact": _JSON,
    "jsonstrings": _JSON,
    "jsoncolumns": _JSON,
    "jsonobjecteachrow": _JSON,
    "tsv": _TSV,
    "tabseparated": _TSV,
    "tsvwithnames": _TSV,
    "tabseparatedwithnames": _TSV,
    "tsvwithnamesandtypes": _TSV,
    "tabseparatedwithnamesandtypes": _TSV,
    "csv": _CSV + "absent",
    "csvwithnames": _CSV + "present",
    "csvwithnamesandtypes": _CSV + "present",
    "parquet": "application/octet-stream",
    "arrow": "application/vnd.apache.arrow.file",
    "arrowstream": "application/vnd.apache.arrow.stream",
    "native": "application/octet-stream",
    "rowbinary": "application/octet-stream",
    "rowbinarywithnames": "application/octet-stream",
    "rowbinarywithnamesandtypes": "application/octet-stream",
    "xml": "application/xml; charset=UTF-8",
    "markdown": "text/markdown; charset=UTF-8",
}

Head = Callable[[bytes], int]
"""How many bytes of a piece are its head."""


def media_type(fmt: str) -> str:
    """The `Content-Type` of a format."""
    name = fmt.lower()
    if name.startswith("json"):
        return _MEDIA.get(name, "application/x-ndjson; charset=UTF-8")
    return _MEDIA.get(name, "text/plain; charset=UTF-8")


def can_stream(fmt: str) -> bool:
    """Whether `splice` knows the format."""
    return fmt.lower() in _HEADS


def splice(fmt: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Make one document of the pieces of a streamed result."""
    name = fmt.lower()
    if name == "arrowstream":
        yield from _splice_arrow(pieces)
        return
    head_of = _HEADS[name]
    head: bytes | None = None
    for piece in pieces:
        if head is None:
            head = piece[: head_of(piece)]
            yield piece
        elif rest := piece.removeprefix(head) if head else piece:
            yield rest


def _splice_arrow(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Each piece is schema message, record batches, end mark: keep the first schema and the last end mark."""
    started = False
    for piece in pieces:
        body = piece.removesuffix(_END_OF_STREAM)
        if started:
            (length,) = struct.unpack_from("<i", body, 4)
            body = body[8 + length :]
        started = True
        if body:
            yield body
    if started:
        yield _END_OF_STREAM


def _nothing(_: bytes) -> int:
    return 0


def _lines(count: int) -> Head:
    def head(piece: bytes) -> int:
        end = 0
        for _ in range(count):
            end = piece.index(b"\n", end) + 1
        return end

    return head


def _csv_lines(count: int) -> Head:
    def head(piece: bytes) -> int:
        end = 0
        for _ in range(count):
            # A line ends where the quotes before it are even in number: a name may hold a line end.
            line = end
            end = piece.index(b"\n", end) + 1
            while piece.count(b'"', line, end) % 2:
                end = piece.index(b"\n", end) + 1
        return end

    return head


def _row_binary(strings_per_column: int) -> Head:
    def head(piece: bytes) -> int:
        columns, position = _varint(piece, 0)
        for _ in range(columns * strings_per_column):
            length, position = _varint(piece, position)
            position += length
        return position

    return head


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value, shift = 0, 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


_HEADS: Final[dict[str, Head]] = {
    "null": _nothing,
    "native": _nothing,
    "rowbinary": _nothing,
    "rowbinarywithnames": _row_binary(1),
    "rowbinarywithnamesandtypes": _row_binary(2),
    "csv": _nothing,
    "csvwithnames": _csv_lines(1),
    "csvwithnamesandtypes": _csv_lines(2),
    **{
        f"{tsv}{suffix}": head
        for tsv in ("tsv", "tabseparated")
        for suffix, head in (("", _nothing), ("withnames", _lines(1)), ("withnamesandtypes", _lines(2)))
    },
    **{
        f"{json}{suffix}": head
        for json in ("jsoncompacteachrow", "jsoncompactstringseachrow")
        for suffix, head in (("", _nothing), ("withnames", _lines(1)), ("withnamesandtypes", _lines(2)))
    },
    "jsoneachrow": _nothing,
    "jsonlines": _nothing,
    "ndjson": _nothing,
    "jsonstringseachrow": _nothing,
    "arrowstream": _nothing,
}
