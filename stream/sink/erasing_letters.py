"""A person in dead letters and in notes of duplicates: found by fields and bytes, and taken out.

A dead letter may hold anything, so whether it names somebody is decided here and not in SQL: an id counts where it
stands alone, as the value of a field or between characters that ids do not have. What it held goes, where it came from
and why it was rejected stays, so that every offset still has its fate.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

import orjson

from stream.sink import external
from stream.sink.clickhouse import ClickHouse
from stream.sink.sql import Target, render

_AT_ONCE: Final = 2_000
_RUN: Final = re.compile(rb"[0-9A-Za-z_-]+")
"""Of characters that ids of clicks are made of: one that stands alone is one of these."""
_DONE: Final = {"mutations_sync": "2"}
Place = tuple[str, int, int]
"""Topic, partition and offset that an event came from."""


class _Table(NamedTuple):
    name: str
    searched: str
    """Array of the strings that may name somebody."""
    emptied: str


_TABLES: Final = (
    _Table(
        "dead_letters",
        "arrayConcat([key, value, detail], arrayMap(header -> header.2, headers))",
        "key = '', value = '', headers = [], detail = 'erased'",
    ),
    _Table(
        "duplicates",
        "[event_id]",
        # Of each event a word of its own, so that they stay as many.
        "event_id = concat('erased:', lower(hex(sipHash128(topic, original_partition, original_offset))))",
    ),
)


class Names:
    """What names a person: ids, hashes, numbers; and clicks, which may be thousands."""

    def __init__(self, words: Iterable[str], clicks: Collection[str] = ()) -> None:
        self.forms = sorted({form for word in words if word for form in _forms(word)})
        """The words as they are, and as JSON writes them."""
        self.clicks = frozenset(clicks)
        self._runs = frozenset(map(str.encode, self.clicks))
        parts = b"|".join(re.escape(form.encode()) for form in self.forms)
        self._alone = re.compile(rb"(?<![0-9A-Za-z_.@-])(?:" + parts + rb")(?![0-9A-Za-z_@-])(?!\.[0-9A-Za-z])")

    def in_bytes(self, value: bytes) -> bool:
        """Whether one of them stands alone in it."""
        if self.forms and self._alone.search(value):
            return True
        return bool(self._runs) and not self._runs.isdisjoint(_RUN.findall(value))


async def take_out(clickhouse: ClickHouse, target: Target, names: Names) -> dict[str, int]:
    """Empty the rows that name somebody; returns how many, by table."""
    changed: dict[str, int] = {}
    for table in _TABLES:
        places = await _places(clickhouse, table, names)
        for start in range(0, len(places), _AT_ONCE):
            which = ", ".join(f"('{topic}', {at}, {offset})" for topic, at, offset in places[start : start + _AT_ONCE])
            await clickhouse.command(
                render(f"ALTER TABLE {{database}}.{table.name} {{on_cluster}} UPDATE {table.emptied} ", target)
                + f"WHERE (toString(topic), kafka_partition, kafka_offset) IN ({which})",
                settings=_DONE,
            )
        if places:
            changed[table.name] = len(places)
    return changed


async def named(clickhouse: ClickHouse, names: Names) -> dict[str, int]:
    """How many rows `take_out` would empty, by table."""
    counts = {table.name: len(await _places(clickhouse, table, names)) for table in _TABLES}
    return {name: count for name, count in counts.items() if count}


async def _places(clickhouse: ClickHouse, table: _Table, names: Names) -> list[Place]:
    return [place for place, strings in await _candidates(clickhouse, table, names) if _named(strings, names)]


async def _candidates(clickhouse: ClickHouse, table: _Table, names: Names) -> list[tuple[Place, list[bytes]]]:
    """Rows in which one of the words is anywhere."""
    if not names.forms and not names.clicks:
        return []
    rows = await clickhouse.query(
        f"""
        SELECT DISTINCT toString(topic), kafka_partition, kafka_offset, arrayMap(text -> hex(text), {table.searched})
        FROM {table.name}
        WHERE arrayExists(text -> arrayExists(word -> position(text, word) > 0, {{words:Array(String)}}),
            {table.searched})
        OR arrayExists(text -> arrayExists(run -> run IN click_ids, extractAll(text, {{run:String}})), {table.searched})
        """,
        {
            "words": names.forms,
            "run": _RUN.pattern.decode(),
        },
        tables={"click_ids": external.texts(names.clicks)},
    )
    return [
        ((topic, int(partition), int(offset)), list(map(bytes.fromhex, strings)))
        for topic, partition, offset, strings in rows
    ]


def _forms(word: str) -> set[str]:
    return {word, orjson.dumps(word).decode()[1:-1], json.dumps(word)[1:-1]}


def _named(strings: Sequence[bytes], names: Names) -> bool:
    return any(map(names.in_bytes, _readings(strings)))


def _readings(strings: Sequence[bytes]) -> Iterator[bytes]:
    """The strings as they are, and without JSON's escapes: an id in Chinese may be written either way."""
    yield from strings
    for text in strings:
        if b"\\u" in text:
            yield re.sub(rb"\\u([0-9a-fA-F]{4})", _character, text)


def _character(found: "re.Match[bytes]") -> bytes:
    return chr(int(found[1], 16)).encode("utf-8", "replace")
