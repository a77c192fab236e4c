"""Kafka topics: names, partitions, and the configuration each must have."""

from dataclasses import dataclass, field
from typing import Final

CLICKS: Final = "clicks"
CONVERSIONS: Final = "conversions"
ATTRIBUTED = "attributed"
REGISTRY = "registry"
DEAD_LETTERS = "dead_letters"
ALERTS = "alerts"

RETRANSMITTED = "retransmitted"
"""Name of the record header that marks an event sent again after an unknown outcome."""


@dataclass(frozen=True, slots=True)
class Topic:
    """What a topic must look like. `partitions_setting` names the field of the Kafka settings, if it is one."""

    name: str
    partitions: int = 1
    partitions_setting: str = ""
    retained: bool = False
    """Kept for `kafka.retention_hours`."""
    config: dict[str, str] = field(default_factory=dict)


_EVENTS = {"message.timestamp.type": "LogAppendTime", "cleanup.policy": "delete"}
_DAY_MS = 86_400_000

TOPICS: tuple[Topic, ...] = (
    Topic(CLICKS, partitions_setting="clicks_partitions", retained=True, config=_EVENTS),
    Topic(CONVERSIONS, partitions_setting="conversions_partitions", retained=True, config=_EVENTS),
    Topic(ATTRIBUTED, partitions_setting="conversions_partitions", retained=True, config={"cleanup.policy": "delete"}),
    # One partition: its order is the order of changes. A deleted visitor salt must be gone within 48 h of its day.
    Topic(REGISTRY, config={"cleanup.policy": "compact", "max.compaction.lag.ms": str(_DAY_MS // 2)}),
    Topic(DEAD_LETTERS, config={"cleanup.policy": "delete", "retention.ms": str(90 * _DAY_MS)}),
    Topic(ALERTS, config={"cleanup.policy": "delete", "retention.ms": str(90 * _DAY_MS)}),
)
