"""The report of a demo: what was sent, what became of it, and whether the two agree."""

import platform
from decimal import Decimal
from importlib import metadata
from itertools import pairwise
from typing import Any, Final

from stream.embedded.demo.journeys import Truth
from stream.embedded.demo.probe import FreshnessProbe
from stream.embedded.demo.producer import Answers
from stream.embedded.demo.taps import Ledger
from stream.embedded.demo.totals import FUNNEL, Conversions, Totals

_DISTRIBUTIONS: Final = ("guidestream", "faust-streaming", "aiokafka", "granian", "chdb", "orjson", "msgspec")
_RATES: Final = dict(zip(("add", "serve", "deal"), pairwise(FUNNEL), strict=True))


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


def conversions_of(before: Conversions, after: Conversions, truth: Truth, answers: Answers) -> dict[str, Any]:
    """What happened after the taps; `truth` is what the journeys decided, all else what the tables and views say."""
    people = {stage: after.funnel[stage] - before.funnel[stage] for stage in FUNNEL}
    true = dict(zip(FUNNEL, (truth.visitors, truth.added, truth.served, truth.dealt), strict=True))
    credited = {rule: count - before.credited_by.get(rule, 0) for rule, count in after.credited_by.items()}
    return {
        "conversions_sent": truth.sent,
        "conversions_answered": {"accepted": answers.accepted, "duplicate": answers.duplicate, **answers.reasons},
        "conversions_accepted": after.accepted - before.accepted,
        "conversions_rejected": after.rejected - before.rejected,
        "conversions_duplicate": after.duplicate - before.duplicate,
        "conversions_waiting": after.waiting,
        "conversion_rows": after.raw_rows - before.raw_rows,
        "window_conversions": after.window_events - before.window_events,
        "orders": after.orders - before.orders,
        "orders_sent": truth.orders,
        "revenue": str(after.revenue - before.revenue),
        "revenue_sent": str(truth.revenue),
        "refunds": str(after.refunds - before.refunds),
        "refunds_sent": str(truth.refunds),
        "credited_by": credited,
        "people": people,
        "people_sent": true,
        "rates": {
            rate: {"true": _share(true, *stages), "measured": _share(people, *stages)}
            for rate, stages in _RATES.items()
        },
    }


def _share(people: dict[str, int], could: str, did: str) -> float | None:
    return round(people[did] / people[could], 6) if people[could] else None


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
    return found + _conversion_differences(report)


def _conversion_differences(report: dict[str, Any]) -> list[str]:
    found = [
        f"{name} is {report[name]}, but {report['conversions_sent']} different events were sent"
        for name in ("conversions_accepted", "conversion_rows", "window_conversions")
        if report[name] != report["conversions_sent"]
    ]
    found += [
        f"{name} is {report[name]}, but {report[f'{name}_sent']} was sent"
        for name in ("orders", "revenue", "refunds")
        if Decimal(report[name]) != Decimal(report[f"{name}_sent"])
    ]
    found += [
        f"{stage}: the views say {count} people, but there were {report['people_sent'][stage]}"
        for stage, count in report["people"].items()
        if count != report["people_sent"][stage]
    ]
    if report["conversions_waiting"]:
        found.append(f"{report['conversions_waiting']} conversions are still in Kafka, not consumed")
    if report["conversions_rejected"]:
        found.append(f"{report['conversions_rejected']} conversions were rejected")
    return found
