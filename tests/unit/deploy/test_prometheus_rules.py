import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.metrics import (
    CATALOGUE,
    DASHBOARDS,
    DEPLOY,
    OF_EVERY_TARGET,
    RULES,
    SERIES,
    Query,
    labels_in,
    names_in,
    panels,
    promql,
    recorded,
    rules,
)

PROMQL = promql()
TESTS = tuple(sorted((DEPLOY / "prometheus" / "tests").glob("*.yml")))


def promtool(*arguments: str | Path) -> None:
    """Run promtool; fails with what it says."""
    program = shutil.which("promtool")
    if program is None:
        pytest.fail("promtool is not installed: run `make test` as root once, or install Debian's package prometheus")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_configuration_are_valid() -> None:
    promtool("check", "rules", *RULES)
    promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yml")


def test_rules_do_what_their_tests_say() -> None:
    promtool("test", "rules", *TESTS)


def test_every_alert_is_seen_to_fire_and_to_stay_silent() -> None:
    tested = [
        case for path in TESTS for test in yaml.safe_load(path.read_text())["tests"] for case in alert_cases(test)
    ]
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    assert {name for name, fires in tested if fires} == alerts
    assert {name for name, fires in tested if not fires} == alerts


def alert_cases(test: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(case["alertname"], bool(case["exp_alerts"])) for case in test.get("alert_rule_test", ())]


@pytest.mark.parametrize("rule", [rule for rule in rules() if "alert" in rule], ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do_in_both_languages(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "summary_zh", "description"}
    assert any("\u4e00" <= character <= "\u9fff" for character in rule["annotations"]["summary_zh"])


@pytest.mark.parametrize("query", PROMQL, ids=[query.origin for query in PROMQL])
def test_a_query_names_only_metrics_and_labels_of_the_catalogue(query: Query) -> None:
    names = names_in(query.text)
    assert names <= SERIES.keys() | recorded()
    known = OF_EVERY_TARGET.union(*(SERIES.get(name, frozenset()) for name in names))
    if names & recorded():
        known = known.union(*SERIES.values())
    assert labels_in(query.text) <= known


def test_every_metric_of_the_catalogue_is_looked_at_somewhere() -> None:
    looked_at = {name for query in PROMQL for name in names_in(query.text)}
    unseen = {name for name in CATALOGUE if not any(seen.startswith(name) for seen in looked_at)}
    assert unseen == set()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_has_bilingual_titles_and_provisioned_sources(dashboard: Path) -> None:
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/guidestream.yml").read_text())["datasources"]
    known = {(source["type"], source["uid"]) for source in sources}
    shown = list(panels(dashboard))
    assert len({panel["id"] for panel in shown}) == len(shown) > 10
    for panel in shown:
        chinese, _, english = panel["title"].partition(" / ")
        assert chinese
        assert english, panel["title"]
        assert (panel["datasource"]["type"], panel["datasource"]["uid"]) in known
        assert panel["targets"], panel["title"]
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
