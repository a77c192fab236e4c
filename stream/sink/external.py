"""Values that a question brings along: temporary tables of the request, which ClickHouse calls external data.

As parameters they would stand in the address, whose limits (131,072 bytes a value, 1 MiB for all) would cut a question
about a batch into several, each of which reads what the others read; and the engine takes 2 us to parse one of them.
Twelve thousand event ids among a million: 13 to 18 us an id as parameters in portions, 4 us as a table (2026-11).
"""

from collections.abc import Iterable, Mapping
from struct import Struct, pack
from typing import NamedTuple

from clickhouse_connect.driver.external import ExternalData

from stream.sink import binary


class Table(NamedTuple):
    """One table; in the question it goes by the name that it is handed over under."""

    structure: str
    """Names and types of its columns, as in CREATE TABLE."""
    rows: bytes
    """RowBinary."""


def texts(values: Iterable[str]) -> Table:
    """Some texts; the column is `value`."""
    return Table("value String", binary.text_column(list(values)))


def numbers(values: Iterable[int]) -> Table:
    """Some numbers of 32 bits without a sign; the column is `value`."""
    listed = list(values)
    return Table("value UInt32", pack(f"<{len(listed)}I", *listed))


_MOMENT = Struct("<q")


def moments(values: Iterable[tuple[str, int]]) -> Table:
    """Some texts, each with a time in milliseconds since 1970 UTC; the columns are `value` and `at_ms`."""
    return Table(
        "value String, at_ms Int64", b"".join(binary.text(value) + _MOMENT.pack(at_ms) for value, at_ms in values)
    )


def attached(tables: Mapping[str, Table]) -> ExternalData:
    """The tables as the client wants them."""
    data = ExternalData()
    for name, table in tables.items():
        data.add_file(file_name=name, data=table.rows, fmt="RowBinary", structure=table.structure)
    return data
