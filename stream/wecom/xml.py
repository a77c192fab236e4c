"""The XML of callbacks: one flat element with lists in it, read within bounds. Pure.

Nothing that expands is read: a document type declaration, and with it every entity, is refused where it begins; so is
anything but UTF-8, whatever the document says of itself.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

# The parser is made harmless below: no DTD, no entities, bounds on elements and depth, input of bounded size.
from xml.parsers import expat

from stream.wecom.refusal import Reason, Refused

MAX_ELEMENTS: Final = 2048
"""The longest documented message names the members of a customer group, which has 500 at most."""
MAX_DEPTH: Final = 8
"""The deepest documented one has 5 levels."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says. Values are stripped; what lies deeper than a list's items is not kept."""

    fields: Mapping[str, tuple[str, ...]]
    """Name of an element below the root that holds text -> its texts, in order."""
    lists: Mapping[str, tuple[str, ...]]
    """Name of an element below the root -> texts of its elements `Item`."""

    def text(self, name: str) -> str:
        """The one text of this name; empty when there is none.

        Raises:
            Refused: there are several, and which one is meant is anybody's guess.
        """
        found = self.fields.get(name, ("",))
        if len(found) > 1:
            raise Refused("message", f"{name} is there {len(found)} times")
        return found[0]


def read(document: bytes, reason: Reason) -> Message:
    """Parse a document of bounded size whose root is `xml`.

    Raises:
        Refused: with this reason, when it is no such document.
    """
    try:
        text = document.decode()
    except UnicodeDecodeError:
        raise Refused(reason, "not UTF-8") from None
    reader = _Reader(reason)
    parser = expat.ParserCreate("UTF-8")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text.append
    try:
        parser.Parse(text, True)  # noqa: FBT003 - the parser takes no keywords
    except expat.ExpatError as error:
        raise Refused(reason, f"not XML: {expat.ErrorString(error.code)}") from None
    return reader.message()


class _Reader:
    """Collects what the parser tells."""

    def __init__(self, reason: Reason) -> None:
        self.text: list[str] = []
        self._reason: Reason = reason
        self._path: list[str] = []
        self._elements = 0
        self._is_leaf = False
        self._fields: dict[str, list[str]] = {}
        self._lists: dict[str, list[str]] = {}

    def doctype(self, *_: object) -> None:
        raise Refused(self._reason, "a document type declaration")

    def start(self, name: str, _: dict[str, str]) -> None:
        if not self._path and name != "xml":
            raise Refused(self._reason, "the root is not `xml`")
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._path) >= MAX_DEPTH:
            raise Refused(self._reason, f"more than {MAX_ELEMENTS} elements, or {MAX_DEPTH} levels of them")
        self._path.append(name)
        self._is_leaf = True
        self.text.clear()

    def end(self, name: str) -> None:
        if self._is_leaf:
            value = "".join(self.text).strip()
            if len(self._path) == 2:
                self._fields.setdefault(name, []).append(value)
            elif len(self._path) == 3 and name == "Item":
                self._lists.setdefault(self._path[1], []).append(value)
        self._is_leaf = False
        self.text.clear()
        self._path.pop()

    def message(self) -> Message:
        return Message(dict(_frozen(self._fields)), dict(_frozen(self._lists)))


def _frozen(found: dict[str, list[str]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    return ((name, tuple(values)) for name, values in found.items())
