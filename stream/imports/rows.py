"""What every kind of file is read as."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple, Protocol

from stream.mapping.shapes import Shape

MAX_ROW_CHARACTERS: Final = 1024 * 1024
MAX_COLUMNS: Final = 1000


class BadRow(NamedTuple):
    """A row that cannot be read as such."""

    field: str
    """The column, or `row`."""
    detail: str


Row = tuple[int, Any]
"""Number, as a spreadsheet counts (the head line is 1; in NDJSON the line), and cells, a JSON object, or a BadRow."""


class Rows(Protocol):
    """An open file."""

    @property
    def shape(self) -> Shape:
        """How a mapping's paths are followed in a row."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """The head line, if the file has one."""

    @property
    def encoding(self) -> str:
        """For people."""

    def rows(self) -> Iterator[Row]:
        """The rows, once, empty ones passed over. Raises InputError when nothing can be read from here on."""

    def fraction(self) -> float:
        """How much of the file was read, 0 to 1; 0 where it cannot be told."""

    def close(self) -> None:
        """Release the file."""
