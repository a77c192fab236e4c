"""Rejected events as they lie in ClickHouse: find them, show them safely, note that they were replayed."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from stream.base.errors import InputError, NotFoundError
from stream.sink.clickhouse import ClickHouse

_ORIGIN = re.compile(r"(clicks|conversions)/(\d{1,5})/(\d{1,19})")
_UNSAFE = re.compile(
    # Control characters move the cursor and change the terminal; the marks of writing direction and the invisible ones
    # make a text look like another.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
PREVIEW_CHARACTERS: Final = 4_000


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Where a dead letter came from, which is also its name: `clicks/3/1234`."""

    topic: str
    """Without the prefix."""
    partition: int
    offset: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name.

        Raises:
            InputError: it is none.
        """
        match = _ORIGIN.fullmatch(text)
        if match is None or int(match[2]) > 65_535:
            raise InputError(f"{text!r} names no dead letter; they look like clicks/3/1234", field="origin")
        return cls(match[1], int(match[2]), int(match[3]))

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which dead letters; empty and None mean any."""

    topic: str = ""
    reason: str = ""
    since: datetime | None = None
    """Arrival in Kafka at this time or later."""
    waiting: bool = False
    """Only those that were not replayed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A line of a list."""

    origin: Origin
    stage: str
    reason: str
    detail: str
    append_time: datetime
    size: int
    """Bytes of the value."""
    replayed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter with its original bytes."""

    summary: Summary
    key: bytes
    """Empty when there was none."""
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


_SUMMARY = "topic, kafka_partition, kafka_offset, stage, reason, detail, append_time, length(value), replayed_at"
_WHERE = """
    ({topic:String} = '' OR topic = {topic:String})
    AND ({reason:String} = '' OR reason = {reason:String})
    AND append_time >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    AND (NOT {waiting:Bool} OR replayed_at = 0)
"""


async def listed(clickhouse: ClickHouse, wanted: Filter, *, limit: int) -> list[Summary]:
    """Dead letters, the newest first, at most `limit` of them."""
    rows = await clickhouse.query(
        f"SELECT {_SUMMARY} FROM dead_letters FINAL WHERE {_WHERE} "
        "ORDER BY append_time DESC, topic, kafka_partition, kafka_offset DESC LIMIT {limit:UInt32}",
        {**_parameters(wanted), "limit": limit},
    )
    return [_summary(row) for row in rows]


async def counted(clickhouse: ClickHouse, wanted: Filter) -> dict[tuple[str, str], int]:
    """How many there are, by topic and reason."""
    rows = await clickhouse.query(
        f"SELECT topic, reason, count() FROM dead_letters FINAL WHERE {_WHERE} GROUP BY topic, reason ORDER BY 1, 2",
        _parameters(wanted),
    )
    return {(topic, reason): int(count) for topic, reason, count in rows}


async def fetched(clickhouse: ClickHouse, origins: Sequence[Origin]) -> list[Letter]:
    """Whole dead letters, in order of their origins.

    Raises:
        NotFoundError: there is none of that name.
    """
    rows = await clickhouse.query(
        f"""
        SELECT {_SUMMARY}, hex(key), hex(value), arrayMap(header -> (header.1, hex(header.2)), headers)
        FROM dead_letters FINAL
        WHERE (topic, kafka_partition, kafka_offset) IN {{origins:Array(Tuple(String, UInt16, UInt64))}}
        ORDER BY topic, kafka_partition, kafka_offset
        """,
        {"origins": [(one.topic, one.partition, one.offset) for one in origins]},
    )
    letters = [
        Letter(
            _summary(row),
            bytes.fromhex(row[9]),
            bytes.fromhex(row[10]),
            tuple((name, bytes.fromhex(value)) for name, value in row[11]),
        )
        for row in rows
    ]
    missing = set(origins) - {letter.summary.origin for letter in letters}
    if missing:
        raise NotFoundError(f"no dead letter {min(missing)}; guidestream dead-letters list shows them", field="origin")
    return letters


async def mark_replayed(clickhouse: ClickHouse, origins: Sequence[Origin], *, now_ms: int) -> None:
    """Note that these were sent again; the mark outlives the same event being rejected once more after a crash."""
    await clickhouse.command(
        """
        INSERT INTO dead_letters
        SELECT * REPLACE (fromUnixTimestamp64Milli({now:Int64}, 'UTC') AS replayed_at)
        FROM dead_letters FINAL
        WHERE (topic, kafka_partition, kafka_offset) IN {origins:Array(Tuple(String, UInt16, UInt64))}
        """,
        {"now": now_ms, "origins": [(one.topic, one.partition, one.offset) for one in origins]},
    )


def preview(value: bytes, limit: int = PREVIEW_CHARACTERS) -> str:
    """The payload for a terminal: indented when it is JSON, every dangerous character escaped, cut at `limit`."""
    text = value[: 4 * limit].decode("utf-8", "backslashreplace")
    if len(value) <= 4 * limit:
        text = _indented(text)
    text = safe(text)
    return text if len(text) <= limit else f"{text[:limit]}\n... {len(value)} bytes in all"


def safe(text: str) -> str:
    """The text with nothing in it that a terminal obeys; line breaks and tabs stay."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _indented(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except (ValueError, RecursionError):
        return text


def _parameters(wanted: Filter) -> dict[str, Any]:
    since_ms = int(wanted.since.timestamp() * 1000) if wanted.since else 0
    return {"topic": wanted.topic, "reason": wanted.reason, "since": since_ms, "waiting": wanted.waiting}


def _summary(row: tuple[Any, ...]) -> Summary:
    topic, partition, offset, stage, reason, detail, append_time, size, replayed_at = row[:9]
    return Summary(
        Origin(topic, int(partition), int(offset)),
        stage,
        reason,
        detail,
        append_time,
        int(size),
        replayed_at if replayed_at.timestamp() else None,
    )
