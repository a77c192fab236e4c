"""A mapping that keeps what was used last, up to a bound."""

from collections import OrderedDict
from collections.abc import Hashable, ValuesView
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """What is put beyond the bound pushes out nothing before `trim`, so that a batch keeps all that it looked up."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._items: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: Key) -> Value | None:
        """The value of a key, used just now; None when it is not there."""
        found = self._items.get(key)
        if found is not None:
            self._items.move_to_end(key)
        return found

    def peek(self, key: Key) -> Value | None:
        """The value of a key, which counts as no use of it."""
        return self._items.get(key)

    def values(self) -> ValuesView[Value]:
        """All values, the one not used for the longest time first."""
        return self._items.values()

    def put(self, key: Key, value: Value) -> None:
        """Keep a value."""
        self._items[key] = value
        self._items.move_to_end(key)

    def trim(self) -> None:
        """Forget what was not used for the longest time."""
        while len(self._items) > self._bound:
            self._items.popitem(last=False)
