"""How far an import came, below data.dir: what was interrupted goes on where it was."""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from stream.base.errors import SettingsError

_DIRECTORY: Final = "imports"


class Counts(msgspec.Struct, forbid_unknown_fields=True):
    """What became of the rows so far."""

    rows: int = 0
    """Read, the head line and empty ones not counted."""
    accepted: int = 0
    """Events."""
    duplicate: int = 0
    """Events that were taken before, as far as is known here."""
    skipped: int = 0
    """Rows that the mapping passes over."""
    wrong: int = 0
    """Rows with a problem; what it is about was left out."""
    problems: int = 0


class Mark(msgspec.Struct, forbid_unknown_fields=True):
    """A point in a file."""

    number: int = 0
    """The last row that was taken, as the file counts."""
    counts: Counts = msgspec.field(default_factory=Counts)
    report: str = ""
    """Path of the report, which goes on as well."""
    report_bytes: int = 0


class Journal:
    """The mark of one file under one mapping."""

    def __init__(self, data_dir: Path, key: str) -> None:
        self._path = data_dir / _DIRECTORY / f"{key}.json"

    def read(self) -> Mark:
        """The mark that was saved; one at the start when there is none that can be read."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Mark)
        except (OSError, msgspec.MsgspecError):
            return Mark()

    def save(self, mark: Mark) -> None:
        """Keep a mark; it appears whole or not at all.

        Raises:
            SettingsError: data.dir cannot be written.
        """
        scratch = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with scratch.open("wb") as file:
                file.write(msgspec.json.encode(mark))
                file.flush()
                os.fsync(file.fileno())
            scratch.replace(self._path)
        except OSError as error:
            raise SettingsError(f"{self._path} cannot be written: {error.strerror}; make data.dir writable") from error

    def forget(self) -> None:
        """The file is done."""
        with suppress(FileNotFoundError):
            self._path.unlink()


def journal_key(*parts: str) -> str:
    """The name of a mark: of the file's content and all that says how it is read."""
    return sha256("\0".join(parts).encode()).hexdigest()[:32]
