"""The parts of an XLSX file: XML in a ZIP archive, read as a stream and each within bounds."""

import posixpath
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final, TypeVar

# Types of documents, by which a few bytes become gigabytes, are refused, and so are their entities.
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from stream.base.errors import InputError

MAX_STRINGS_BYTES: Final = 128 * 1024**2
"""The table of texts is held in memory, in up to five times its size when each is a single Chinese character."""
MAX_PART_BYTES: Final = 16 * 1024**2
"""Of other parts than that and sheets."""
MAX_RATIO: Final = 200
"""Of a part above MAX_PART_BYTES to its compressed size; rows that are all alike have about fifty."""
MAX_ITEM_BYTES: Final = 4 * 1024**2
"""Between two rows of a sheet's XML, two texts of the table, or two elements of another part."""
MAX_DEPTH: Final = 64
"""Elements within each other."""
_MAX_NAMES: Final = 64 * 1024
"""Characters of all names of elements and attributes, which the parser keeps until the part ends."""
_CHUNK: Final = 64 * 1024
_DAMAGED: Final = (BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError, zlib.error)
"""A part that is encrypted, damaged, or packed in a way that is not known."""
_Made = TypeVar("_Made")


class Ended(Exception):  # noqa: N818 - what ends the parsing is no error
    """What is wanted of a part is known."""


class Archive:
    """An open archive."""

    def __init__(self, path: Path) -> None:
        """Raises InputError when it is none."""
        try:
            self._zip = ZipFile(path)
        except _DAMAGED as error:
            raise InputError(f"is no workbook (.xlsx): {said(error)}", field="file") from error
        # As the format has it, case does not matter; some programs write the separators of their system.
        self._parts = {_name(part.filename): part for part in self._zip.infolist()}

    def open(self, name: str, limit: int = MAX_PART_BYTES) -> IO[bytes]:
        """A part of at most `limit` bytes; no more than it claims to have can be read of it. Raises InputError."""
        return self._open(self._part(name), limit)

    def open_sheet(self, name: str) -> tuple[IO[bytes], int]:
        """A sheet, which may be of any size that is in proportion to the file's, and its bytes. Raises InputError."""
        part = self._part(name)
        return self._open(part, part.file_size), part.file_size

    def elements(self, name: str, *wanted: str) -> Iterator[tuple[str, dict[str, str]]]:
        """Elements of a part as `parent/element`, and their attributes. Raises InputError."""
        made: list[tuple[str, dict[str, str]]] = []
        path, tags = [""], Local()
        passed = 0

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal passed
            passed += 1
            path.append(tags[name])
            if len(path) > MAX_DEPTH:
                raise too_deep()
            found = "/".join(path[-2:])
            if found in wanted:
                made.append((found, attributes))

        reader = parser()
        reader.StartElementHandler = start
        reader.EndElementHandler = lambda _: path.pop()
        with self.open(name) as part:
            yield from stream(part, reader, made, lambda: f" behind element {passed}")

    def related(self, name: str) -> Iterator[tuple[str, str, str]]:
        """Id, kind and name of the parts that a part, `""` for the whole, refers to. Raises InputError."""
        folder, base = posixpath.split(name)
        for _, found in self.elements(posixpath.join(folder, "_rels", f"{base}.rels"), "Relationships/Relationship"):
            if found.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, found.get("Target", "")))
                yield found.get("Id", ""), posixpath.basename(found.get("Type", "")), target

    def close(self) -> None:
        """Release the file."""
        self._zip.close()

    def _part(self, name: str) -> ZipInfo:
        part = self._parts.get(_name(name))
        if part is None:
            raise InputError(f"is no workbook (.xlsx): there is no {name[:60]} in it", field="file")
        return part

    def _open(self, part: ZipInfo, limit: int) -> IO[bytes]:
        limit = min(limit, max(MAX_PART_BYTES, part.compress_size * MAX_RATIO))
        if part.file_size > limit:
            says = f"{part.filename[:60]} in it has {part.file_size} bytes, at most {limit} are read"
            raise InputError(f"{says}; save it as CSV", field="file")
        # Of the other methods, one piece unpacks to whatever it likes.
        if part.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
            says = f"{part.filename[:60]} in it is packed in a way that no spreadsheet program uses"
            raise InputError(f"is no workbook that can be read ({says})", field="file")
        try:
            return self._zip.open(part)
        except _DAMAGED as error:
            raise InputError(f"is no workbook that can be read ({said(error)})", field="file") from error


def parser() -> Any:
    """A parser of XML that refuses what no spreadsheet program writes; names are as they stand there: see `Local`."""
    made = expat.ParserCreate()
    made.buffer_text = True
    made.StartDoctypeDeclHandler = _refuse
    return made


def stream(part: IO[bytes], reader: Any, made: list[_Made], where: Callable[[], str] = str) -> Iterator[_Made]:
    """What the handlers of a parser put into `made` while a part goes through it.

    `where` says how far it came, and something else as soon as an item has passed from which nothing is made.
    What comes after a handler raised `Ended` is not parsed, only unpacked to see that nothing is damaged.

    Raises:
        InputError: no XML, damaged, a handler failed, more names than spreadsheet programs have, or more than
            MAX_ITEM_BYTES between two items.
    """
    error, since, data, place = None, 0, b"more", where()
    while data and error is None:
        try:
            data = part.read(_CHUNK)
            if reader:
                _parse(reader, data)
        except Ended:
            reader = None
        except (*_DAMAGED, expat.ExpatError, LookupError, ArithmeticError) as found:
            error = found
        before, place = place, where()
        since = 0 if made or place != before or not reader else since + len(data)
        # What was whole before an error counts.
        yield from made
        made.clear()
        if since > MAX_ITEM_BYTES:
            says = f"{part.name[:60]} in it has more than {MAX_ITEM_BYTES} bytes in one piece{place}"
            raise InputError(f"{says}; save it as CSV", field="file")
    if error:
        says = f"{part.name[:60]} in it cannot be read{place} ({said(error)})"
        raise InputError(f"{says}; save it anew, or as CSV", field="file") from error


class Local(dict[str, str]):
    """Names of elements without the prefix that some programs give all of them."""

    def __missing__(self, name: str) -> str:
        return self.setdefault(name, name.rpartition(":")[2])


def too_deep() -> ValueError:
    """What a handler raises beyond MAX_DEPTH."""
    return ValueError(f"more than {MAX_DEPTH} levels")


def said(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error) or type(error).__name__).splitlines()[0][:200]


def _parse(reader: Any, data: bytes) -> None:
    reader.Parse(data, not data)
    # Holds the names of attributes only while there is a handler for the start of elements.
    if sum(map(len, reader.intern)) > _MAX_NAMES:
        raise ValueError(f"more than {_MAX_NAMES} characters in names of elements and attributes")


def _refuse(*_: Any) -> None:
    raise ValueError("it declares a document type, as no spreadsheet program does")


def _name(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
