"""What the pipeline itself says at one moment: offsets, fates, rows and windows; and the report that compares."""

import platform
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from stream.base.clock import wall_clock
from stream.base.settings import Settings
from stream.embedded.demo.probe import FreshnessProbe
from stream.embedded.demo.taps import Ledger
from stream.sink import retention
from stream.sink.audit import audit
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import KafkaLog

_DISTRIBUTIONS: Final = ("guidestream", "faust-streaming", "aiokafka", "granian", "chdb", "orjson", "msgspec")


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over all partitions of `clicks`, since the topic was made."""

    consumed: int
    """Events below the committed offsets."""
    accepted: int
    rejected: int
    duplicate: int
    waiting: int
    """Events in Kafka beyond the committed offsets."""
    raw_rows: int
    """Distinct offsets in the raw table."""
    window_clicks: int
    audit_difference: int
    verdict: tuple[str, ...]
    """The audit in words."""


async def totals(settings: Settings, clickhouse: ClickHouse, kafka: KafkaLog) -> Totals:
    """Ask Kafka and ClickHouse, and audit everything there is.

    Raises:
        UnavailableError: one of them does not answer.
    """
    report = await audit(clickhouse, kafka, now_ms=wall_clock(), hours=None, kept_days=retention.kept_days(settings))
    accounts = [one for one in report.accounts if one.topic == "clicks"]
    positions = await kafka.positions("clicks")
    raw_rows = await _number(
        clickhouse, "SELECT count() FROM (SELECT DISTINCT kafka_partition, kafka_offset FROM clicks)"
    )
    window_clicks = await _number(clickhouse, "SELECT sum(clicks) FROM link_windows FINAL")
    return Totals(
        consumed=sum(one.accepted + one.rejected + one.duplicate for one in accounts),
        accepted=sum(one.accepted for one in accounts),
        rejected=sum(one.rejected for one in accounts),
        duplicate=sum(one.duplicate for one in accounts),
        waiting=sum(one.end - max(one.committed or 0, one.first) for one in positions),
        raw_rows=raw_rows,
        window_clicks=window_clicks,
        audit_difference=report.difference,
        verdict=tuple(report.lines()),
    )


def report_of(before: Totals, after: Totals, ledger: Ledger, probe: FreshnessProbe, clickhouse: str) -> dict[str, Any]:
    """The report: what was sent, what became of it, how long it took. `clickhouse` is the engine's version."""
    return {
        "taps_sent": ledger.sent,
        "taps_answered": ledger.answered,
        "taps_unanswered": ledger.unanswered,
        "taps_given_up": ledger.given_up,
        "unknown_codes": ledger.unknown,
        "clicks_consumed": after.consumed - before.consumed,
        "clicks_accepted": after.accepted - before.accepted,
        "clicks_rejected": after.rejected - before.rejected,
        "clicks_duplicate": after.duplicate - before.duplicate,
        "clicks_waiting": after.waiting,
        "raw_rows": after.raw_rows - before.raw_rows,
        "window_clicks": after.window_clicks - before.window_clicks,
        "audit_difference": after.audit_difference,
        "freshness_ms": {"p50": probe.quantile_ms(0.5), "p99": probe.quantile_ms(0.99), "samples": len(probe.seen_ms)},
        "redirect_ms": {"p50": ledger.quantile_ms(0.5), "p99": ledger.quantile_ms(0.99)},
        "versions": {
            "python": platform.python_version(),
            "clickhouse": clickhouse,
            **{name: metadata.version(name) for name in _DISTRIBUTIONS},
        },
    }


def differences(report: dict[str, Any]) -> list[str]:
    """Sentences about what does not add up; none when all is well."""
    found = []
    if report["audit_difference"]:
        found.append(f"the audit differs by {report['audit_difference']}")
    if report["clicks_waiting"]:
        found.append(f"{report['clicks_waiting']} clicks are still in Kafka, not consumed")
    least, most = report["taps_answered"], report["taps_answered"] + report["taps_unanswered"]
    found += [
        f"{name} is {report[name]}, but {least} taps were answered and {most - least} may have been"
        for name in ("raw_rows", "window_clicks")
        if not least <= report[name] <= most
    ]
    if report["clicks_accepted"] != report["raw_rows"]:
        found.append(f"{report['clicks_accepted']} clicks were accepted, but there are {report['raw_rows']} rows")
    if report["clicks_rejected"]:
        found.append(f"{report['clicks_rejected']} clicks were rejected")
    return found


async def _number(clickhouse: ClickHouse, sql: str) -> int:
    rows = await clickhouse.query(sql)
    return int(rows[0][0])
