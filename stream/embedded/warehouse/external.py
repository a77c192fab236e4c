"""External tables: data that a multipart request brings along, as temporary tables of its query."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stream.embedded.warehouse.connection import Connection, Stats
from stream.embedded.warehouse.failure import EngineError

MAX_TABLES: Final = 16
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FORMAT: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# Column names and types: nothing that could end the brackets they are put in, or call anything.
_STRUCTURE: Final = re.compile(r"[\w\s,`'()=.:-]+")


@dataclass(frozen=True, slots=True)
class ExternalTable:
    """One table that a request brings along."""

    name: str
    structure: str
    """Column names and types, as in CREATE TABLE."""
    format: str
    data: bytes

    def create(self, connection: Connection) -> None:
        """Make it a temporary table of this connection; one of that name is replaced."""
        connection.query(f"CREATE OR REPLACE TEMPORARY TABLE {self.name} ({self.structure}) ENGINE = Memory")
        insert = connection.insert(f"INSERT INTO {self.name}", self.format)
        insert.feed(self.data)
        insert.finish(Stats())


def read(files: Mapping[str, bytes], fields: Mapping[str, str]) -> tuple[Sequence[ExternalTable], dict[str, str]]:
    """The tables among the parts of a multipart request, and the fields that are left for the request itself.

    Raises:
        EngineError: a table without structure, or with a name or structure that is none.
    """
    if len(files) > MAX_TABLES:
        raise EngineError(36, "BAD_ARGUMENTS", f"more than {MAX_TABLES} external tables")
    left = dict(fields)
    tables = []
    for name, data in files.items():
        types = left.pop(f"{name}_types", "")
        structure = left.pop(f"{name}_structure", "") or ", ".join(
            f"_{number} {kind}" for number, kind in enumerate(types.split(","), 1) if kind
        )
        fmt = left.pop(f"{name}_format", "TabSeparated")
        if not _NAME.fullmatch(name) or not _FORMAT.fullmatch(fmt) or not _STRUCTURE.fullmatch(structure):
            raise EngineError(36, "BAD_ARGUMENTS", f"external table {name[:64]!r}: its name, structure or format")
        tables.append(ExternalTable(name, structure, fmt, data))
    return tables, left
