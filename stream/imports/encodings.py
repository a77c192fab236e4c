"""In what encoding a text file is, and its fingerprint, found in one pass over all of it."""

import codecs
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from stream.base.errors import InputError

_CHUNK: Final = 1024 * 1024
_SURELY_UTF8: Final = 8
"""So many Chinese characters before the first broken byte, and it is UTF-8 that is broken: by chance, text in GB18030
makes as many right sequences of UTF-8 in a row once in millions of files."""


class _Broken(NamedTuple):
    line: int
    before: int
    """Characters beyond ASCII that were read before."""


def fingerprint(path: Path) -> str:
    """SHA-256 of the file, as hexadecimal text."""
    digest = sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def detect(path: Path, wanted: str) -> str:
    """The name of the codec that reads the whole file; `wanted` is `auto`, `utf-8` or `gb18030`.

    Raises:
        InputError: there is none; the message names the first line that is broken.
    """
    with path.open("rb") as file:
        marked = file.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    if marked and wanted != "gb18030":
        return _whole(path, "utf-8-sig")
    if wanted != "auto":
        return _whole(path, wanted)
    broken = _first_broken(path, "utf-8")
    if broken is None:
        return "utf-8"
    if broken.before >= _SURELY_UTF8:
        raise _problem("utf-8", broken.line)
    other = _first_broken(path, "gb18030")
    if other is None:
        return "gb18030"
    raise InputError(
        f"is neither UTF-8 (line {broken.line} is broken) nor GB18030 (line {other.line} is): save it as CSV UTF-8",
        field="file",
    )


def _whole(path: Path, name: str) -> str:
    broken = _first_broken(path, name)
    if broken is not None:
        raise _problem(name, broken.line)
    return name


def _problem(name: str, line: int) -> InputError:
    shown = name.upper().removesuffix("-SIG")
    return InputError(
        f"line {line} has bytes that are not {shown}; mend that line, or save the file anew", field="file"
    )


def _first_broken(path: Path, name: str) -> _Broken | None:
    decoder = codecs.getincrementaldecoder(name)()
    lines = beyond = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                good = error.object[: error.start].decode(name, "ignore")
                return _Broken(lines + good.count("\n") + 1, beyond + _beyond(good))
            lines += text.count("\n")
            beyond += _beyond(text)
            if not chunk:
                return None


def _beyond(text: str) -> int:
    return 0 if text.isascii() else sum(not char.isascii() for char in text[:4096])
