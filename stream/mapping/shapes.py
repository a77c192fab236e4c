"""What a payload looks like, and so how a path is followed: nested objects and lists, or a row of a table."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from stream.mapping.text import folded

Getter = Callable[[Any], Any]
"""From a payload what a path leads to; None for nothing."""
MAX_NAMES: Final = 16
MAX_ITEMS: Final = 1000
"""Of one list; what comes after it is an error, not left out."""
_NAME = re.compile(r"[^.\[\]]{1,128}(\[\])?")
ITEM: Final = "item"
"""The name that stands for the item of a rule with `each`."""


class Shape(Protocol):
    """A kind of payload."""

    def getter(self, path: str) -> Getter | None:
        """How to follow a path; None when it can never lead to anything. Raises ValueError when it is no path."""

    def items(self, path: str) -> tuple[Getter, Getter] | None:
        """For a path with `[]`: to the list, and from an item on; None for a path without."""


class Nested:
    """Objects and lists within each other, as JSON has them."""

    def getter(self, path: str) -> Getter:
        """See `Shape`."""
        names = _names(path)
        if any(name.endswith("[]") for name in names):
            raise ValueError(f"{path[:60]!r} goes through a list, which only values and conditions do")
        return _walk(names)

    def items(self, path: str) -> tuple[Getter, Getter] | None:
        """See `Shape`."""
        names = _names(path)
        through = [index for index, name in enumerate(names) if name.endswith("[]")]
        if not through:
            return None
        if len(through) > 1:
            raise ValueError(f"{path[:60]!r} goes through two lists; one is possible")
        at = through[0]
        return _walk([*names[:at], names[at][:-2]]), _walk(names[at + 1 :])


class Table:
    """A row, as a sequence of cells; paths are names of columns.

    `clean` makes a value of a cell, None of an empty one.
    """

    def __init__(self, columns: Sequence[str], clean: Getter) -> None:
        # Of two columns with one name the first counts.
        self._index = {folded(name): index for index, name in reversed(list(enumerate(columns)))}
        self._clean = clean
        self.used: set[int] = set()
        """Columns that some path led to."""

    def getter(self, path: str) -> Getter | None:
        """See `Shape`."""
        index = self._index.get(folded(path))
        if index is None:
            return None
        self.used.add(index)
        clean = self._clean
        return lambda row: clean(row[index])

    def items(self, path: str) -> None:
        """See `Shape`: cells hold no lists."""
        del path


class WithItem:
    """A payload and one item of it, as a pair; paths that begin with `item` look into the item."""

    def __init__(self, whole: Shape) -> None:
        self._whole = whole

    def getter(self, path: str) -> Getter | None:
        """See `Shape`."""
        inside = _inside(path)
        found = self._whole.getter(path) if inside is None else _walk(_names(inside) if inside else [])
        return found and _of(found, 0 if inside is None else 1)

    def items(self, path: str) -> tuple[Getter, Getter] | None:
        """See `Shape`."""
        inside = _inside(path)
        found = self._whole.items(path) if inside is None else Nested().items(inside) if inside else None
        return found and (_of(found[0], 0 if inside is None else 1), found[1])


def _inside(path: str) -> str | None:
    """What of a path is within the item; None when it does not begin there."""
    return path[len(ITEM) + 1 :] if path == ITEM or path.startswith(f"{ITEM}.") else None


def _of(getter: Getter, part: int) -> Getter:
    return lambda pair: getter(pair[part])


def _names(path: str) -> list[str]:
    names = path.split(".")
    if len(names) > MAX_NAMES or not all(map(_NAME.fullmatch, names)):
        raise ValueError(f"{path[:60]!r} is no path; give up to {MAX_NAMES} names separated by dots")
    return names


def _walk(names: Sequence[str]) -> Getter:
    steps = [(name, int(name) if name.isdecimal() and len(name) < 5 else -1) for name in names]

    def walk(found: Any) -> Any:
        for name, index in steps:
            if isinstance(found, dict):
                found = found.get(name)
            elif isinstance(found, list) and 0 <= index < len(found):
                found = found[index]
            else:
                return None
        return None if found == "" else found

    return walk
