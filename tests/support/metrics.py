"""The metric catalogue as names and labels, and what dashboards and rules say about them."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from prometheus_client.metrics import MetricWrapperBase

from stream.base import metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = (DEPLOY / "prometheus" / "recording.yml", DEPLOY / "prometheus" / "alerts.yml")
DASHBOARDS = tuple(sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")))
CATALOGUE: Mapping[str, MetricWrapperBase] = {
    metric._name: metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)
}
_SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
SERIES: Mapping[str, frozenset[str]] = {
    name + suffix: frozenset(metric._labelnames) | ({"le"} if suffix == "_bucket" else set())
    for name, metric in CATALOGUE.items()
    for suffix in _SUFFIXES[str(metric._type)]
}
"""Series name -> labels."""
OF_EVERY_TARGET = frozenset({"job", "instance"})


class Query(NamedTuple):
    """One query of a dashboard or a rule, and where it stands."""

    origin: str
    text: str


def rules() -> list[dict[str, Any]]:
    """All recording and alert rules."""
    return [rule for path in RULES for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


def recorded() -> frozenset[str]:
    """Names that recording rules make."""
    return frozenset(rule["record"] for rule in rules() if "record" in rule)


def panels(dashboard: Path) -> Iterator[dict[str, Any]]:
    """Panels that show something, rows left out."""
    for panel in json.loads(dashboard.read_text())["panels"]:
        if panel["type"] != "row":
            yield panel


def promql() -> list[Query]:
    """Every PromQL query of the rules and dashboards, template variables still in it."""
    found = [Query(rule.get("record") or rule["alert"], rule["expr"]) for rule in rules()]
    for dashboard in DASHBOARDS:
        found += [
            Query(f"{dashboard.stem}: {panel['title']} {target['refId']}", target["expr"])
            for panel in panels(dashboard)
            for target in panel["targets"]
            if "expr" in target
        ]
    return found


def sql() -> list[Query]:
    """Every ClickHouse query of the dashboards, macros still in it."""
    return [
        Query(f"{dashboard.stem}: {panel['title']} {target['refId']}", target["rawSql"])
        for dashboard in DASHBOARDS
        for panel in panels(dashboard)
        for target in panel["targets"]
        if "rawSql" in target
    ]


def names_in(query: str) -> set[str]:
    """Series and recorded names of ours that a query mentions."""
    return set(re.findall(r"\bguidestream[_:][a-z0-9_:]+", query))


def labels_in(query: str) -> set[str]:
    """Labels that a query selects or groups by."""
    grouped = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", query)
    selected = re.findall(r"\{([^}]*)\}", query)
    names = {name.strip() for names in grouped for name in names.split(",")}
    return names | {name for matchers in selected for name in re.findall(r"([a-z_]+)\s*(?:=~|!~|!=|=)", matchers)}
