"""Until when Kafka holds copies of what was erased. Pure."""

from typing import Final

from schemas.topics import DEAD_LETTERS, TOPICS
from stream.base.settings import Settings

_HOUR_MS: Final = 3_600_000
_SEGMENT_MS: Final = 7 * 24 * _HOUR_MS
"""Kafka drops whole segments, and closes one after a week where its configuration says nothing else."""


def kept_until_ms(settings: Settings, now_ms: int, *, letters: bool) -> int:
    """When the last record of now is gone, whole seconds in milliseconds since 1970 UTC.

    Args:
        settings: how long clicks, conversions and `attributed` are kept.
        now_ms: the time of the last record.
        letters: whether there was a dead letter, whose topic keeps it longer.
    """
    longest = max(
        settings.kafka.retention_hours * _HOUR_MS if topic.retained else int(topic.config.get("retention.ms", 0))
        for topic in TOPICS
        if topic.retained or (letters and topic.name == DEAD_LETTERS)
    )
    return -(-(now_ms + longest + _SEGMENT_MS) // 1000) * 1000
