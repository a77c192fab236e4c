"""SQL files as text: placeholders, statements, and what every statement in them must keep to."""

import re
from dataclasses import replace

import pytest

from stream.sink.migrate import MigrationError, Step, pending, steps
from stream.sink.sql import Target, per_grain, render, statements

ONE = Target("shop", "", "Asia/Shanghai")
CLUSTER = replace(ONE, cluster="main")
TABLE = (
    "CREATE TABLE {database}.t {on_cluster} "
    "ENGINE = {engine:ReplacingMergeTree(version)} SETTINGS {deduplication_window}"
)


def test_statements_end_at_semicolons_and_lose_their_comments() -> None:
    text = "-- a; comment\nSELECT 1; /* SELECT 2; */\nSELECT 3 -- three\n;;\n  \nSELECT 4"
    assert statements(text) == ["SELECT 1", "SELECT 3", "SELECT 4"]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT ';'",
        "SELECT 'it''s; -- not over'",
        r"SELECT 'it\'s; /* not over'",
        'SELECT `a;b`, "c;d"',
        "SELECT $$;'--$$, $tag$ ; $$ ; $tag$",
        "SELECT '短链；点击;'",
    ],
)
def test_semicolons_and_comment_signs_in_quotes_are_text(statement: str) -> None:
    assert statements(f"{statement};\nSELECT 2;") == [statement, "SELECT 2"]


def test_a_statement_without_quotes_that_end_is_left_to_the_server() -> None:
    assert statements("SELECT 'open; SELECT 2") == ["SELECT 'open", "SELECT 2"]


def test_placeholders_of_one_server() -> None:
    assert render(TABLE, ONE) == (
        "CREATE TABLE shop.t  ENGINE = ReplacingMergeTree(version) SETTINGS non_replicated_deduplication_window = 10000"
    )


def test_placeholders_of_a_cluster() -> None:
    assert render(TABLE, CLUSTER) == (
        "CREATE TABLE shop.t ON CLUSTER `main` ENGINE = ReplicatedReplacingMergeTree(version) SETTINGS "
        "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
    )


def test_query_parameters_are_no_placeholders() -> None:
    assert render("SELECT {since:String}, '{timezone}'", ONE) == "SELECT {since:String}, 'Asia/Shanghai'"


def test_a_statement_with_a_grain_stands_for_one_each_of_minute_hour_and_day() -> None:
    text = "CREATE VIEW v_{grain} ({grain} {grain_type} COMMENT '{grain_zh}') AS SELECT {grain_of:at}"
    assert [render(each, ONE) for each in per_grain(text)] == [
        f"CREATE VIEW v_{columns}) AS SELECT {value}"
        for columns, value in (
            ("minute (minute DateTime('Asia/Shanghai') COMMENT '分钟'", "toStartOfMinute(at, 'Asia/Shanghai')"),
            ("hour (hour DateTime('Asia/Shanghai') COMMENT '小时'", "toStartOfHour(at, 'Asia/Shanghai')"),
            ("day (day Date COMMENT '日'", "toDate(at, 'Asia/Shanghai')"),
        )
    ]


def test_a_statement_without_a_grain_stays_one() -> None:
    assert per_grain("SELECT '{timezone}'") == ["SELECT '{timezone}'"]


@pytest.mark.parametrize("target", [ONE, CLUSTER], ids=["one server", "cluster"])
def test_every_statement_of_the_schema_can_be_repeated(target: Target) -> None:
    repeatable = re.compile(
        r"CREATE (TABLE|MATERIALIZED VIEW) IF NOT EXISTS |CREATE OR REPLACE VIEW |"
        r"ALTER TABLE \S+\s+(ON CLUSTER \S+\s+)?(ADD \w+ IF NOT EXISTS|DROP \w+ IF EXISTS|MODIFY |COMMENT )|"
        r"DROP \w+ IF EXISTS "
    )
    for step in steps(target):
        for statement in step.statements:
            assert repeatable.match(statement), f"{step.name}: {statement[:80]}"
            assert not re.search(r"\bADD \w+ (?!IF NOT EXISTS)", statement), f"{step.name}: {statement[:80]}"


def test_every_table_and_view_of_a_cluster_is_made_on_all_of_it() -> None:
    for step in steps(CLUSTER):
        for statement in step.statements:
            assert "ON CLUSTER `main`" in statement, f"{step.name}: {statement[:80]}"
            assert "{" not in re.sub(r"\{\w+:[A-Z]\w+\}", "", statement), f"{step.name}: {statement[:80]}"


def test_files_run_in_order_tables_before_views() -> None:
    names = [step.name for step in steps(ONE)]
    numbered = [name for name in names if name[0].isdigit()]
    assert names == sorted(numbered) + sorted(set(names) - set(numbered))
    assert [int(name[:4]) for name in numbered] == list(range(1, len(numbered) + 1))


def _step(name: str, checksum: str, *, once: bool = True) -> Step:
    return Step(name, checksum, ("SELECT 1",), once)


def test_what_was_applied_is_not_pending() -> None:
    all_steps = [_step("0001_a.sql", "x"), _step("0002_b.sql", "y"), _step("bi_c.sql", "z", once=False)]
    assert [step.name for step in pending(all_steps, {"0001_a.sql": "x"})] == ["0002_b.sql", "bi_c.sql"]


def test_a_changed_file_that_was_applied_is_an_error_that_names_it() -> None:
    with pytest.raises(MigrationError, match=r"0001_a\.sql was changed"):
        pending([_step("0001_a.sql", "x")], {"0001_a.sql": "old"})


def test_views_whose_text_changed_are_pending_again() -> None:
    assert pending([_step("bi_c.sql", "new", once=False)], {"bi_c.sql": "old"})


def test_a_file_of_a_newer_release_is_an_error_that_names_it() -> None:
    with pytest.raises(MigrationError, match=r"newer release: 0009_later\.sql"):
        pending([_step("0001_a.sql", "x")], {"0001_a.sql": "x", "0009_later.sql": "y"})


def test_the_brands_time_zone_changes_views_only() -> None:
    there = {step.name: step.checksum for step in steps(replace(ONE, timezone="Asia/Urumqi"))}
    changed = [step for step in steps(ONE) if there[step.name] != step.checksum]
    assert changed
    assert not [step.name for step in changed if step.once]


def test_the_hours_of_an_effective_contact_change_the_merge_of_customers_only() -> None:
    there = {step.name: step.checksum for step in steps(replace(ONE, contact_ms=24 * 3_600_000))}
    assert [step.name for step in steps(ONE) if there[step.name] != step.checksum] == ["base_customers.sql"]


def test_retention_changes_only_since_when_rates_are_known() -> None:
    there = {step.name: step.checksum for step in steps(replace(ONE, clicks_days=9, conversions_days=9))}
    assert [step.name for step in steps(ONE) if there[step.name] != step.checksum] == ["base_known.sql"]
