"""Reads files that an operator writes."""

import tomllib
from pathlib import Path
from typing import Any


def read_toml(path: Path, *, max_bytes: int) -> dict[str, Any]:
    """The tables of a TOML file in UTF-8, with a byte order mark or without.

    Raises:
        ValueError: it is none; the message says why, after the file's name, and shows nothing of its content.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    if len(raw) > max_bytes:
        raise ValueError(f"has more than {max_bytes} bytes; is it the right file?")
    try:
        return tomllib.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is no TOML: {error}") from None
