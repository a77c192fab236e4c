"""What the pipeline itself says at one moment: offsets, fates, rows, windows, people."""

from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Final

from schemas.topics import CLICKS, CONVERSIONS
from schemas.windows import COUNTED
from stream.base.clock import wall_clock
from stream.base.settings import Settings
from stream.sink import retention
from stream.sink.audit import AuditReport, audit
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import KafkaLog

FUNNEL: Final = ("visitors", "first_added", "served", "dealt")
"""Stages whose people are counted, as `bi_rates_day` names them."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Sums over all partitions of a topic, since it was made."""

    consumed: int
    """Events below the committed offsets."""
    accepted: int
    rejected: int
    duplicate: int
    waiting: int
    """Events in Kafka beyond the committed offsets."""


@dataclass(frozen=True, slots=True)
class Conversions(Flow):
    """What became of conversions, and what the views say of the funnel."""

    raw_rows: int
    """Distinct offsets in the raw table."""
    credited_by: dict[str, int]
    """Raw rows by the rule that gave the credit."""
    window_events: int
    orders: int
    revenue: Decimal
    refunds: Decimal
    funnel: dict[str, int]
    """Distinct people by stage, over all days."""


@dataclass(frozen=True, slots=True)
class Totals(Flow):
    """The same of clicks, the conversions, and the audit of both."""

    raw_rows: int
    """Distinct offsets in the raw table."""
    window_clicks: int
    conversions: Conversions
    audit_difference: int
    verdict: tuple[str, ...]
    """The audit in words."""


async def totals(settings: Settings, clickhouse: ClickHouse, kafka: KafkaLog) -> Totals:
    """Ask Kafka and ClickHouse, and audit everything there is.

    Raises:
        UnavailableError: one of them does not answer.
    """
    report = await audit(clickhouse, kafka, now_ms=wall_clock(), hours=None, kept_days=retention.kept_days(settings))
    raw_rows = await _number(
        clickhouse, "SELECT count() FROM (SELECT DISTINCT kafka_partition, kafka_offset FROM clicks)"
    )
    window_clicks = await _number(clickhouse, "SELECT sum(clicks) FROM link_windows FINAL")
    return Totals(
        **asdict(await _flow(report, kafka, CLICKS)),
        raw_rows=raw_rows,
        window_clicks=window_clicks,
        conversions=await _conversions(clickhouse, await _flow(report, kafka, CONVERSIONS)),
        audit_difference=report.difference,
        verdict=tuple(report.lines()),
    )


async def _flow(report: AuditReport, kafka: KafkaLog, topic: str) -> Flow:
    accounts = [one for one in report.accounts if one.topic == topic]
    positions = await kafka.positions(topic)
    return Flow(
        consumed=sum(one.accepted + one.rejected + one.duplicate for one in accounts),
        accepted=sum(one.accepted for one in accounts),
        rejected=sum(one.rejected for one in accounts),
        duplicate=sum(one.duplicate for one in accounts),
        waiting=sum(one.end - max(one.committed or 0, one.first) for one in positions),
    )


async def _conversions(clickhouse: ClickHouse, flow: Flow) -> Conversions:
    credited = await clickhouse.query(
        "SELECT toString(attribution), uniqExact(kafka_partition, kafka_offset) FROM conversions GROUP BY attribution"
    )
    events = " + ".join(COUNTED)
    windows = await clickhouse.query(
        f"SELECT sum({events}), sum(order_paid), sum(order_amount), sum(refund_amount) FROM conversion_windows FINAL"
    )
    stages = ", ".join(f"sum({stage})" for stage in FUNNEL)
    people = await clickhouse.query(f"SELECT {stages} FROM bi_rates_day WHERE dimension = 'all'")
    window_events, orders, revenue, refunds = windows[0]
    return Conversions(
        **asdict(flow),
        raw_rows=sum(int(count) for _, count in credited),
        credited_by={rule: int(count) for rule, count in credited},
        window_events=int(window_events),
        orders=int(orders),
        revenue=revenue,
        refunds=refunds,
        funnel=dict(zip(FUNNEL, map(int, people[0]), strict=True)),
    )


async def _number(clickhouse: ClickHouse, sql: str) -> int:
    rows = await clickhouse.query(sql)
    return int(rows[0][0])
