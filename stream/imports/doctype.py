"""Whether an XML part of a workbook declares a document type: its entities make gigabytes of a few kilobytes."""

from typing import IO, Final

# Only to find the declaration, before anything of it is used.
from xml.parsers import expat

_HEAD_BYTES: Final = 64 * 1024
"""A part begins with its root within a few hundred bytes; one that does not is no spreadsheet program's."""


class _Found(Exception):  # noqa: N818 - what ends the parsing is no error
    """What comes first is known."""


def has_doctype(part: IO[bytes]) -> bool:
    """Whether a declaration stands before the root, or the root does not come soon; a part that is no XML has none."""
    seen: list[bool] = []

    def see(*, doctype: bool) -> None:
        seen.append(doctype)
        raise _Found

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: see(doctype=True)
    parser.StartElementHandler = lambda *_: see(doctype=False)
    head = part.read(_HEAD_BYTES)
    try:
        parser.Parse(head, len(head) < _HEAD_BYTES)
    except _Found:
        return seen[0]
    except expat.ExpatError:
        return False
    return True
