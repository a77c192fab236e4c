"""In what encoding a text file is, judged by all of it, and its fingerprint."""

import codecs
import re
from hashlib import sha256
from pathlib import Path
from typing import Final

from stream.base.errors import InputError

_CHUNK: Final = 1024 * 1024
_SURELY_UTF8: Final = 8
"""So many Chinese characters in UTF-8, and more than there are broken bytes, and it is UTF-8 that is broken: by chance,
text in GB18030 makes one among fifty broken bytes or so."""
_CHINESE: Final = re.compile("[\u0800-\ufffc]+")
"""What has three bytes in UTF-8. By chance, many a character of GB18030 is one of two bytes, which are not counted."""


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
    if _meant_as_utf8(path):
        raise _problem("utf-8", broken)
    other = _first_broken(path, "gb18030")
    if other is None:
        return "gb18030"
    raise InputError(
        f"is neither UTF-8 (line {broken} is broken) nor GB18030 (line {other} is): save it as CSV UTF-8",
        field="file",
    )


def _whole(path: Path, name: str) -> str:
    broken = _first_broken(path, name)
    if broken is not None:
        raise _problem(name, broken)
    return name


def _problem(name: str, line: int) -> InputError:
    shown = name.upper().removesuffix("-SIG")
    return InputError(
        f"line {line} has bytes that are not {shown}; mend that line, or save the file anew", field="file"
    )


def _first_broken(path: Path, name: str) -> int | None:
    """The number of the first line that a codec cannot read."""
    decoder = codecs.getincrementaldecoder(name)()
    lines = 0
    with path.open("rb") as file:
        while True:
            chunk = file.read(_CHUNK)
            try:
                lines += decoder.decode(chunk, final=not chunk).count("\n")
            except UnicodeDecodeError as error:
                return lines + error.object[: error.start].count(b"\n") + 1
            if not chunk:
                return None


def _meant_as_utf8(path: Path) -> bool:
    """Whether a file that has bytes which are not UTF-8 is UTF-8 otherwise, by all of its text."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    chinese = broken = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            chinese += len(text) - len(_CHINESE.sub("", text))
            broken += text.count("\ufffd")
    return chinese >= _SURELY_UTF8 and chinese > broken
