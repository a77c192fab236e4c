"""NDJSON files: one JSON object a line."""

import io
from collections.abc import Iterator
from pathlib import Path

import orjson

from stream.base.errors import InputError
from stream.imports.rows import MAX_ROW_CHARACTERS, BadRow, Row
from stream.mapping import MAX_DEPTH, Nested, depth_exceeds


class NdjsonFile:
    """An NDJSON file."""

    columns = None

    def __init__(self, path: Path, encoding: str) -> None:
        self.encoding = encoding
        self.shape = Nested()
        self._size = max(1, path.stat().st_size)
        self._raw = path.open("rb")
        self._text = io.TextIOWrapper(self._raw, encoding, newline="\n")

    def rows(self) -> Iterator[Row]:
        """See `stream.imports.rows.Rows`."""
        number = 0
        try:
            while line := self._text.readline(MAX_ROW_CHARACTERS):
                number += 1
                if len(line) == MAX_ROW_CHARACTERS and not line.endswith("\n"):
                    self._pass_over()
                    yield number, BadRow("row", f"has more than {MAX_ROW_CHARACTERS} characters")
                elif not line.isspace():
                    yield number, _payload(line)
        except UnicodeDecodeError as error:
            raise InputError(f"changed while it was read (line {number + 1}: {error.reason})", field="file") from error

    def fraction(self) -> float:
        """See `stream.imports.rows.Rows`."""
        return min(1.0, self._raw.tell() / self._size)

    def close(self) -> None:
        """Release the file."""
        self._text.close()

    def _pass_over(self) -> None:
        while (rest := self._text.readline(MAX_ROW_CHARACTERS)) and not rest.endswith("\n"):
            pass


def _payload(line: str) -> dict[str, object] | BadRow:
    try:
        payload = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return BadRow("row", f"is no JSON: {error}")
    if not isinstance(payload, dict):
        return BadRow("row", "is no JSON object")
    if depth_exceeds(payload, MAX_DEPTH):
        return BadRow("row", f"is nested deeper than {MAX_DEPTH} levels")
    return payload
