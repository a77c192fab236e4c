"""`guidestream demo` as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from stream.base.settings import PREFIX

REPORTED = {
    "taps_sent",
    "taps_answered",
    "clicks_consumed",
    "clicks_accepted",
    "clicks_rejected",
    "clicks_duplicate",
    "raw_rows",
    "window_clicks",
    "audit_difference",
    "conversions_sent",
    "conversions_accepted",
    "orders",
    "revenue",
    "credited_by",
    "freshness_ms",
    "redirect_ms",
    "versions",
}


@contextmanager
def demo(directory: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    process = subprocess.Popen(
        [sys.executable, "-m", "stream", "demo", "--data-dir", str(directory), *arguments],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str], timeout_s: float) -> str:
    try:
        return process.communicate(timeout=timeout_s)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        pytest.fail(f"the demo did not end: {process.communicate()[0]}")


def report_in(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_every_tap_that_was_answered_is_one_row_and_one_count(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with demo(tmp_path / "data", "--seconds", "6", "--rate", "200", "--report", str(path)) as process:
        said = finish(process, 240)
    assert process.returncode == 0, said
    report = report_in(path)
    assert report.keys() >= REPORTED
    assert report["taps_answered"] > 600
    assert report["taps_sent"] == report["taps_answered"] + report["unknown_codes"]
    assert report["taps_answered"] == report["raw_rows"] == report["window_clicks"]
    assert report["clicks_consumed"] == report["clicks_accepted"] == report["raw_rows"]
    assert report["clicks_rejected"] == report["clicks_duplicate"] == report["audit_difference"] == 0
    assert 0 < report["redirect_ms"]["p50"] <= report["redirect_ms"]["p99"]
    assert report["freshness_ms"]["samples"] > 5
    assert "nothing lost, nothing doubled" in said


def test_the_views_give_back_what_people_did_after_the_tap(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    with demo(tmp_path / "data", "--seconds", "8", "--rate", "60", "--report", str(path)) as process:
        said = finish(process, 240)
    assert process.returncode == 0, said
    report = report_in(path)
    sent = report["conversions_sent"]
    assert sent > 500
    assert {report[name] for name in ("conversions_accepted", "conversion_rows", "window_conversions")} == {sent}
    assert report["conversions_answered"]["duplicate"] > 0
    assert sum(report["credited_by"].values()) == sent
    assert {"token", "customer", "visitor", "guide", "none"} == report["credited_by"].keys()
    assert (report["orders"], float(report["revenue"])) == (report["orders_sent"], float(report["revenue_sent"]))
    assert report["orders"] > 10
    assert report["people"] == report["people_sent"]
    assert report["rates"]["serve"]["measured"] == report["rates"]["serve"]["true"] > 0


def test_ctrl_c_ends_the_demo_with_the_same_verdict_and_leaves_no_process(tmp_path: Path) -> None:
    with demo(tmp_path / "data", "--rate", "50") as process:
        assert process.stdout is not None
        said = ""
        while "taps/s" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.send_signal(signal.SIGINT)
        said += finish(process, 120)
    assert process.returncode == 0, said
    assert "difference: 0" in said
    assert "tap a link" in said
    assert not list((tmp_path / "data" / "run").glob("*.json"))
