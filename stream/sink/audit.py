"""The audit: window rows against a recount of raw rows, raw rows against Kafka's offsets. 0 is the only good answer.

It may run beside workers at any time. A window row says "all clicks of this key up to offset V", so it is compared
with exactly those; what the group has committed (offsets below C) must be in it besides. Raw rows from C on whose
windows are not written yet are work in progress and no difference.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from schemas.topics import CLICKS, CONVERSIONS
from stream.sink import window_audit
from stream.sink.accounts import Account, account
from stream.sink.clickhouse import ClickHouse
from stream.sink.customer_audit import CustomerDifference, Customers, compare_customers
from stream.sink.kafka_log import KafkaLog
from stream.sink.retention import CUSTOMERS
from stream.sink.window_audit import WindowDifference, Windows

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
TOPICS = (CLICKS, CONVERSIONS)
"""Topics, and the tables of the same names, whose offsets are accounted for."""
_KINDS: Final = {CLICKS: window_audit.CLICKS, CONVERSIONS: window_audit.CONVERSIONS}
_FOR_EVER: Final[Mapping[str, int]] = dict.fromkeys((*TOPICS, CUSTOMERS), 0)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit compared and found."""

    since_ms: int
    """Windows that start before, and events that arrived before, were not looked at; 0 for all."""
    clicks: Windows
    conversions: Windows
    customers: Customers
    accounts: tuple[Account, ...]
    """One per topic and partition; none when there was no Kafka to compare with."""

    @property
    def difference(self) -> int:
        """Everything that is wrong: events of windows, customers, events that are nowhere or in two places."""
        return sum(self.by_topic().values())

    def by_topic(self) -> dict[str, int]:
        """The difference per topic; customers are those of conversions."""
        found = {CLICKS: self.clicks.difference, CONVERSIONS: self.conversions.difference + self.customers.different}
        for one in self.accounts:
            found[one.topic] += one.difference
        return found

    @property
    def first(self) -> tuple[WindowDifference | CustomerDifference, ...]:
        """The earliest window of each kind, and a customer, that differ."""
        return tuple(one for one in (self.clicks.first, self.conversions.first, self.customers.first) if one)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        return {
            "difference": self.difference,
            "since_ms": self.since_ms,
            "clicks": _plain(self.clicks),
            "conversions": _plain(self.conversions),
            "customers": asdict(self.customers),
            "accounts": [asdict(one) for one in self.accounts],
        }

    def lines(self) -> list[str]:
        """The report for people, the last line being the verdict."""
        return [
            *map(str, (self.clicks, self.conversions, self.customers)),
            *(f"first that differs: {one}" for one in self.first),
            *map(str, self.accounts),
            f"difference: {self.difference}",
        ]


def _plain(windows: Windows) -> dict[str, Any]:
    return {
        "rows": windows.rows,
        "counted": windows.counted,
        "different": windows.different,
        "difference": windows.difference,
        "first": windows.first.as_dict() if windows.first else None,
        "cut": windows.cut,
    }


async def audit(
    clickhouse: ClickHouse,
    kafka: KafkaLog | None,
    *,
    now_ms: int,
    hours: int | None = 24,
    kept_days: Mapping[str, int] = _FOR_EVER,
) -> AuditReport:
    """Compare windows and customers with raw rows, and raw rows, dead letters and duplicates with Kafka.

    Args:
        clickhouse: connected to the database.
        kafka: the topics' own words; without it only what windows claim is checked, and nothing is missed.
        now_ms: the end of the time in question.
        hours: look at windows that start, and events that arrived, in the last hours only; everything when None.
        kept_days: how long raw rows of each topic, and customers, are kept; windows whose raw rows may have expired are
            left out, so are customers who may be forgotten; 0 says that they never are.

    Raises:
        UnavailableError: ClickHouse or Kafka does not answer.
    """
    asked_ms = 0 if hours is None else now_ms - hours * _HOUR_MS
    # A day's margin: rows expire while this runs.
    since = {
        topic: max(asked_ms, now_ms - (days - 1) * _DAY_MS) if days else asked_ms for topic, days in kept_days.items()
    }
    positions = {topic: await kafka.positions(topic, since[topic] or None) for topic in TOPICS} if kafka else {}
    committed = {topic: {one.partition: one.committed or 0 for one in positions.get(topic, ())} for topic in TOPICS}
    accounts = [
        await account(clickhouse, kafka, topic, position)
        for topic in positions
        for position in positions[topic]
        if kafka is not None
    ]
    windows = {
        topic: await window_audit.compare_windows(
            clickhouse, kind, committed[topic], since_ms=since[topic], until_ms=now_ms
        )
        for topic, kind in _KINDS.items()
    }
    customers = await compare_customers(
        clickhouse,
        committed[CONVERSIONS],
        since_ms=max(since[CONVERSIONS], since[CUSTOMERS]),
        complete=not kept_days[CONVERSIONS] and not kept_days[CUSTOMERS],
    )
    return AuditReport(asked_ms, windows[CLICKS], windows[CONVERSIONS], customers, tuple(accounts))
