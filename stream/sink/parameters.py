"""Values of a question, as many at once as a server takes.

They are parameters of the address. A server refuses one of more than 131,072 bytes (`http_max_field_value_size`), and
an address of more than 1 MiB (`http_max_uri_size`), where each byte that is not ASCII takes three. The engine that is
built in has no such limits.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

Value = TypeVar("Value")
Answer = TypeVar("Answer")
_MOST: Final = 8_000
_UNDER_WAY: Final = 4
_MOST_BYTES: Final = 100_000
_ESCAPED: Final = re.compile(r"['\\\x00-\x1f]")


class _Literal:
    """A value as the server reads it: the client puts in the text of what it does not know."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __str__(self) -> str:
        return self._text


def texts(values: Sequence[str]) -> Any:
    """A parameter of type Array(String); the client alone would look at each character of each of them."""
    if _ESCAPED.search("".join(values)):
        return list(values)
    return _Literal(f"['{quoted}']" if (quoted := "', '".join(values)) or values else "[]")


def numbers(values: Iterable[int]) -> Any:
    """A parameter of a type Array of integers, likewise."""
    return _Literal(f"[{', '.join(map(str, values))}]")


def text_size(text: str) -> int:
    """Bytes that a text takes in a list of texts, at the most: with quotes, escapes and what separates it."""
    if text.isascii() and not _ESCAPED.search(text):
        return len(text) + 4
    return len(text.encode()) + 3 * len(_ESCAPED.findall(text)) + 4


def number_size(number: int) -> int:
    """Bytes that a number takes in a list of numbers."""
    return len(str(number)) + 2


def portions(values: Iterable[Value], size: Callable[[Value], int]) -> Iterator[list[Value]]:
    """The values in their order, in lists of up to 8,000 values and 100 KB."""
    portion: list[Value] = []
    taken = 0
    for value in values:
        more = size(value)
        if portion and (len(portion) == _MOST or taken + more > _MOST_BYTES):
            yield portion
            portion, taken = [], 0
        portion.append(value)
        taken += more
    if portion:
        yield portion


async def answers(asked: Iterable[list[Value]], question: Callable[[list[Value]], Awaitable[Answer]]) -> list[Answer]:
    """The answers about some portions, in their order; a few questions are under way at a time."""
    few = asyncio.Semaphore(_UNDER_WAY)

    async def ask(portion: list[Value]) -> Answer:
        async with few:
            return await question(portion)

    return await asyncio.gather(*map(ask, asked))
