"""The audit: window rows against a recount of raw rows, raw rows against Kafka's offsets. 0 is the only good answer.

It may run beside workers at any time. A window row says "all clicks of this key up to offset V", so it is compared
with exactly those; what the group has committed (offsets below C) must be in it besides. Raw rows from C on whose
windows are not written yet are work in progress and no difference.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from stream.sink.accounts import Account, account
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import KafkaLog
from stream.sink.window_audit import WindowDifference, Windows, compare_windows

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
TOPICS = ("clicks", "conversions")
"""Topics, and the tables of the same names, whose offsets are accounted for."""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit compared and found."""

    since_ms: int
    """Windows that start before, and events that arrived before, were not looked at; 0 for all."""
    windows: Windows
    accounts: tuple[Account, ...]
    """One per topic and partition; none when there was no Kafka to compare with."""

    @property
    def difference(self) -> int:
        """Clicks by which windows and raw rows differ, and events of Kafka that are nowhere or in two places."""
        return self.windows.difference + sum(one.difference for one in self.accounts)

    @property
    def first(self) -> WindowDifference | None:
        """The earliest window that differs."""
        return self.windows.first

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        plain: dict[str, Any] = {"difference": self.difference, **asdict(self)}
        if self.first:
            plain["windows"]["first"] = {
                "key": self.first.key._asdict(),
                "window": self.first.window._asdict(),
                "raw": self.first.raw._asdict(),
            }
        return plain

    def lines(self) -> list[str]:
        """The report for people, the last line being the verdict."""
        said = [str(self.windows)]
        if self.first:
            said.append(f"first window that differs: {self.first}")
        return [*said, *map(str, self.accounts), f"difference: {self.difference}"]


async def audit(
    clickhouse: ClickHouse,
    kafka: KafkaLog | None,
    *,
    now_ms: int,
    hours: int | None = 24,
    raw_ttl_days: int = 0,
    topics: Sequence[str] = TOPICS,
) -> AuditReport:
    """Compare windows with raw rows, and raw rows, dead letters and duplicates with Kafka.

    Args:
        clickhouse: connected to the database.
        kafka: the topics' own words; without it only what windows claim is checked, and nothing is missed.
        now_ms: the end of the time in question.
        hours: look at windows that start, and events that arrived, in the last hours only; everything when None.
        raw_ttl_days: windows whose raw rows may have expired are left out; 0 when raw rows are kept for ever.
        topics: what to account for.

    Raises:
        UnavailableError: ClickHouse or Kafka does not answer.
    """
    since_ms = 0 if hours is None else now_ms - hours * _HOUR_MS
    if raw_ttl_days:
        # A day's margin: rows expire while this runs.
        since_ms = max(since_ms, now_ms - (raw_ttl_days - 1) * _DAY_MS)
    positions = {topic: await kafka.positions(topic, since_ms or None) for topic in topics} if kafka else {}
    committed = {one.partition: one.committed or 0 for one in positions.get("clicks", ())}
    accounts = [
        await account(clickhouse, kafka, topic, position)
        for topic in positions
        for position in positions[topic]
        if kafka is not None
    ]
    windows = await compare_windows(clickhouse, committed, since_ms=since_ms, until_ms=now_ms)
    return AuditReport(since_ms, windows, tuple(accounts))
