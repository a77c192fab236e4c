"""What `guidestream import` says and how it ends; Kafka is not there."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from stream.base.errors import InputError
from stream.base.settings import load
from stream.cli.imports import app
from stream.spool import Spool
from tests.support.edge import spooled
from tests.support.imports import csv_text, order

RUN = CliRunner()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "GUIDESTREAM_DATA_DIR": str(tmp_path / "data"),
        "GUIDESTREAM_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "GUIDESTREAM_SPOOL_FSYNC_MS": "10",
        "GUIDESTREAM_PRIVACY_KEYS": "1:" + "ab" * 32,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "订单.csv"
    path.write_text(csv_text([order(1), order(2, 实付金额="x"), order(3)]), encoding="gb18030")
    return path


def ids(environ: dict[str, str]) -> list[str]:
    directory = load(environ).data.dir / "spool" / "import-conversions"
    return [event["order_id"] for event in spooled(directory)] if directory.exists() else []


def test_a_dry_run_checks_every_row_and_leaves_nothing(file: Path, environ: dict[str, str], tmp_path: Path) -> None:
    report = tmp_path / "report.csv"
    shown = RUN.invoke(app, [str(file), "--kind", "orders", "--dry-run", "--report", str(report)], env=environ)
    assert shown.exit_code == 1, shown.exception
    assert "订单.csv: gb18030\n" in shown.stderr
    assert "3 rows: 2 events would be taken" in shown.stdout
    assert f"1 problems in 1 rows: what they are about was left out; all of them are in {report}" in shown.stdout
    assert "3    amount  'x' is no amount of money" in shown.stdout
    assert report.exists()
    assert not (tmp_path / "data").exists()


def test_without_kafka_what_was_taken_waits_and_the_next_run_takes_no_row_twice(
    file: Path, environ: dict[str, str]
) -> None:
    arguments = [str(file), "--kind", "orders", "--wait", "1", "--json"]
    first = RUN.invoke(app, arguments, env=environ)
    assert first.exit_code == 1, first.exception
    said = orjson.loads(first.stdout)
    assert (said["rows"], said["accepted"], said["wrong"], said["skipped"]) == (3, 2, 1, 0)
    assert said["waiting_bytes"] > 0
    assert said["first_problems"][0]["row"] == 3
    again = orjson.loads(RUN.invoke(app, arguments, env=environ).stdout)
    assert (again["rows"], again["rows_before"], again["accepted"]) == (3, 3, 2)
    assert ids(environ) == ["E000001", "E000003"]


def test_the_exit_status_says_that_kafka_has_not_all_of_it(file: Path, environ: dict[str, str]) -> None:
    file.write_text(csv_text([order(1)]))
    shown = RUN.invoke(app, [str(file), "--kind", "orders", "--wait", "1"], env=environ)
    assert shown.exit_code == 4
    assert "wait here because Kafka does not take them; the next import goes on" in shown.stdout


def test_two_imports_at_once_are_refused(file: Path, environ: dict[str, str]) -> None:
    with Spool.of(load(environ), "import", "conversions"):
        shown = RUN.invoke(app, [str(file), "--kind", "orders"], env=environ)
    assert shown.exit_code == 1
    assert "spool" in str(shown.exception)


def test_columns_that_are_not_used_and_rules_that_do_not_apply_are_said(file: Path, environ: dict[str, str]) -> None:
    file.write_text(csv_text([order(1)]).replace("导购ID", "颜色"))
    shown = RUN.invoke(app, [str(file), "--kind", "orders", "--dry-run"], env=environ)
    assert shown.exit_code == 0
    assert "columns that are not used: 颜色" in shown.stderr
    assert "no order_refunded: there is no column refund_amount or 退款金额" in shown.stderr


def test_a_terminal_obeys_nothing_that_a_file_holds(file: Path, environ: dict[str, str]) -> None:
    file.write_text(csv_text([order(1)]).replace("导购ID", "\x1b]0;x\x07颜色\x9b31m"))
    shown = RUN.invoke(app, [str(file), "--kind", "orders", "--dry-run"], env=environ)
    assert r"columns that are not used: \x1b]0;x\x07颜色\x9b31m" in shown.stderr


def test_a_kind_is_asked_for(file: Path) -> None:
    for arguments in ([str(file)], [str(file), "--kind", "cats"]):
        assert RUN.invoke(app, arguments).exit_code == 2


def test_a_sheet_of_a_text_file_is_refused(file: Path, environ: dict[str, str]) -> None:
    shown = RUN.invoke(app, [str(file), "--kind", "orders", "--sheet", "x"], env=environ)
    assert isinstance(shown.exception, InputError)


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize("way", ["itself", "hard link", "symbolic link"])
@pytest.mark.parametrize("what", ["file", "mapping"])
def test_a_report_is_not_written_over_what_is_read(
    file: Path, environ: dict[str, str], tmp_path: Path, dry_run: list[str], way: str, what: str
) -> None:
    mapping = tmp_path / "own.toml"
    mapping.write_text('[names]\namount = ["实付金额"]\n')
    endangered = file if what == "file" else mapping
    before, report = endangered.read_bytes(), tmp_path / "report.csv"
    if way == "itself":
        report = tmp_path / "." / endangered.name
    elif way == "hard link":
        report.hardlink_to(endangered)
    else:
        report.symlink_to(endangered)
    arguments = [str(file), "--kind", "orders", "--mapping", str(mapping), "--report", str(report), *dry_run]
    shown = RUN.invoke(app, arguments, env=environ)
    assert endangered.read_bytes() == before
    assert isinstance(shown.exception, InputError)
    assert str(shown.exception).startswith("--report: ")
    assert "give another path" in str(shown.exception)
    assert not (tmp_path / "data").exists()
