"""Raw clicks, window rows, dead letters and duplicates as RowBinary blocks, each with the columns it is made of.

Taps repeat: links, user agents, places and referrers come again and again, so a row is a handful of packed numbers and
of fragments that were encoded before. The columns stand in the order that lets fragments hold several of them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from struct import Struct
from typing import Final

from schemas.click_record import ClickRecord
from schemas.clicks import UTM_FIELDS
from schemas.enrichment import Agent, Enrichment, Place, Referrer, Verdict
from schemas.windows import WindowRow
from stream.sink.binary import Fragments, array, blob, length, text, texts

_FACTS: Final = {
    "outcome": "outcome",
    "visitor_kind": "visitor_kind",
    "trigger": "trigger",
    "fetch": "fetch",
    "kind": "destination_kind",
    "link": "link",
    "guide": "guide_id",
    "store": "store_id",
    "region": "region_id",
    "campaign": "campaign_id",
    "touchpoint": "touchpoint",
    "variant": "variant",
    **{name: name for name in UTM_FIELDS},
}
"""Column of each field of a click that mostly follows from its link."""
CLICK_COLUMNS: Final = (
    *("received_at", "kafka_partition", "event_time", "append_time", "kafka_offset"),
    *("is_late", "retransmitted", "clamped"),
    *("click_id", "visitor_id", "ip_prefix"),
    *_FACTS.values(),
    *("country", "geo_region", "city", "isp"),
    *("platform", "device", "os", "browser", "is_human", "bot_reasons"),
    *("referrer_host", "referrer_class", "language", "enrich_errors"),
)
WINDOW_COLUMNS: Final = (
    *("window_start", "kafka_partition", "version", "clicks", "human_clicks", "redirected", "visitors", "updated_at"),
    *("guide_id", "link", "variant", "store_id", "region_id", "campaign_id", "touchpoint"),
)
DEAD_LETTER_COLUMNS: Final = (
    *("kafka_partition", "kafka_offset", "append_time", "received_at"),
    *("topic", "stage", "reason", "detail", "key", "value", "headers"),
)
DUPLICATE_COLUMNS: Final = (
    *("kafka_partition", "kafka_offset", "original_partition", "original_offset", "received_at"),
    *("topic", "event_id"),
)
_facts_of = attrgetter(*_FACTS)
_origin_of = attrgetter("agent", "verdict", "referrer", "language", "errors")
_CLICK = Struct("<qHqqQ???")
_WINDOW = Struct("<IHQQQQQq")
_DEAD_LETTER = Struct("<HQqq")
_DUPLICATE = Struct("<HQHQq")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that was rejected, and why."""

    offset: int
    append_ms: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    stage: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A retransmission of an event that was there already."""

    offset: int
    event_id: str
    original_partition: int
    original_offset: int


@dataclass(frozen=True, slots=True)
class ClickColumns:
    """The accepted clicks of a batch, column by column, in order of their offsets."""

    clicks: list[ClickRecord]
    offsets: list[int]
    append_times: list[int]
    """By the broker's clock, milliseconds since 1970 UTC."""
    times: list[int]
    """Event times after clamping, milliseconds since 1970 UTC."""
    enrichments: list[Enrichment]
    retransmitted: list[bool]


class ClickEncoder:
    """Encodes raw clicks; one per process, because it keeps what it encoded."""

    def __init__(self) -> None:
        self._facts = Fragments(texts)
        self._prefixes = Fragments(text)
        self._places = Fragments(_place)
        self._origins = Fragments(_origin)

    def encode(self, batch: ClickColumns, *, partition: int, received_ms: int, closed_before: int) -> bytes:
        """A block of `CLICK_COLUMNS`.

        Args:
            batch: the clicks.
            partition: their Kafka partition.
            received_ms: when the batch was taken in; one value a batch, so that it is one part.
            closed_before: a click whose time lies before it is late.
        """
        out: list[bytes] = []
        pack = _CLICK.pack
        facts, prefixes, places, origins = self._facts, self._prefixes, self._places, self._origins
        for click, offset, appended, time, found, again in zip(
            batch.clicks,
            batch.offsets,
            batch.append_times,
            batch.times,
            batch.enrichments,
            batch.retransmitted,
            strict=True,
        ):
            late, clamped = time < closed_before, time != click.ts
            out += (
                pack(received_ms, partition, time, appended, offset, late, again, clamped),
                text(click.id),
                text(click.visitor),
                prefixes[click.ip],
                facts[_facts_of(click)],
                places[found.place],
                origins[_origin_of(found)],
            )
        return b"".join(out)


def window_block(rows: Iterable[tuple[int, WindowRow]], *, updated_ms: int) -> bytes:
    """A block of `WINDOW_COLUMNS` from (Kafka partition, row) pairs."""
    out: list[bytes] = []
    for partition, row in rows:
        counts = (row.version, row.clicks, row.human_clicks, row.redirected, row.visitors)
        out += (
            _WINDOW.pack(row.window_start // 1000, partition, *counts, updated_ms),
            texts((row.guide_id, row.link, row.variant, *row.facts)),
        )
    return b"".join(out)


def dead_letter_block(letters: Iterable[DeadLetter], *, topic: str, partition: int, received_ms: int) -> bytes:
    """A block of `DEAD_LETTER_COLUMNS`; `topic` without the prefix."""
    return b"".join(
        _DEAD_LETTER.pack(partition, letter.offset, letter.append_ms, received_ms)
        + texts((topic, letter.stage, letter.reason, letter.detail))
        + blob(letter.key or b"")
        + blob(letter.value or b"")
        + length(len(letter.headers))
        + b"".join(text(name) + blob(value) for name, value in letter.headers)
        for letter in letters
    )


def duplicate_block(duplicates: Iterable[Duplicate], *, topic: str, partition: int, received_ms: int) -> bytes:
    """A block of `DUPLICATE_COLUMNS`; `topic` without the prefix."""
    return b"".join(
        _DUPLICATE.pack(partition, one.offset, one.original_partition, one.original_offset, received_ms)
        + texts((topic, one.event_id))
        for one in duplicates
    )


def _place(place: Place) -> bytes:
    return texts((place.country, place.region, place.city, place.isp))


def _origin(origin: tuple[Agent, Verdict, Referrer, str, tuple[str, ...]]) -> bytes:
    agent, verdict, referrer, language, errors = origin
    return (
        texts((agent.platform, agent.device, agent.os, agent.browser))
        + bytes([verdict.is_human])
        + array(verdict.reasons)
        + texts((referrer.host, referrer.cls, language))
        + array(errors)
    )
