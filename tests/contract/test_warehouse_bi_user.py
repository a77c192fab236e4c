"""The BI user reads the bi_ views and nothing else, whatever it is asked to say."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clickhouse_http import reader, writer
from tests.support.shared_warehouse import TESTS
from tests.support.warehouse import Warehouse, running


@pytest.fixture(scope="module")
def database(warehouse: Warehouse) -> Iterator[str]:
    name = f"t{os.getpid()}_{TESTS - 1}"
    with writer(warehouse) as client:
        for statement in (
            f"CREATE DATABASE {name}",
            f"CREATE TABLE {name}.secrets (a UInt64, s String) ENGINE = MergeTree ORDER BY a",
            f"INSERT INTO {name}.secrets VALUES (1, 'hidden')",
            f"CREATE VIEW {name}.bi_open AS SELECT a FROM {name}.secrets",
            f"CREATE VIEW {name}.bi_filtered SQL SECURITY DEFINER AS SELECT a FROM {name}.secrets WHERE a > 0",
            f"CREATE VIEW {name}.not_for_bi AS SELECT a FROM {name}.secrets",
        ):
            assert client.post("/", content=statement).status_code == 200
        yield name
        client.post("/", content=f"DROP DATABASE {name}")


@pytest.fixture
def bi(warehouse: Warehouse, database: str) -> Iterator[httpx.Client]:
    with reader(warehouse) as client:
        client.params = httpx.QueryParams(database=database)
        yield client


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT sum(a) FROM bi_open",
        "SELECT a FROM bi_filtered",
        "WITH x AS (SELECT a FROM bi_open) SELECT a FROM x JOIN bi_filtered USING (a)",
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND name LIKE 'bi%' LIMIT 0",
        "SELECT name, type FROM system.columns WHERE database = 'system' LIMIT 0",
        "SELECT 1 FROM information_schema.tables LIMIT 0",
        "SHOW TABLES LIKE 'none'",
        "DESCRIBE TABLE bi_open FORMAT Null",
        "EXPLAIN SELECT * FROM bi_open FORMAT Null",
        "SELECT version(), timezone(), currentUser() FORMAT Null",
        "/* a comment */ SELECT a FROM bi_open -- another\n SETTINGS max_threads = 2",
        "SELECT a FROM bi_open SETTINGS additional_table_filters = {'DATABASE.bi_open': 'a = 1'}",
    ],
)
def test_reading_the_views_and_the_schema_is_allowed(bi: httpx.Client, sql: str) -> None:
    answer = bi.post("/", content=sql.replace("DATABASE", bi.params["database"]))
    assert answer.status_code == 200, answer.text
    assert answer.text in ("", "1\n")


def test_settings_parameters_and_sessions_work_for_the_bi_user(bi: httpx.Client) -> None:
    asked = {"session_id": "bi-1", "max_threads": "1", "param_least": "1", "max_execution_time": "5"}
    for _ in range(2):
        assert bi.get("/", params={**asked, "query": "SELECT a FROM bi_open WHERE a >= {least:UInt64}"}).text == "1\n"


@pytest.mark.parametrize(
    "sql",
    [
        # other tables, by every road
        "SELECT * FROM secrets",
        "SELECT * FROM not_for_bi",
        "SELECT a FROM bi_open UNION ALL SELECT a FROM secrets",
        "SELECT a FROM bi_open WHERE a IN (SELECT a FROM secrets)",
        "SELECT (SELECT count() FROM secrets)",
        "WITH x AS (SELECT * FROM secrets) SELECT * FROM x",
        "SELECT * FROM bi_open JOIN DATABASE.secrets USING (a)",
        "SELECT * FROM view(SELECT * FROM secrets)",
        "SELECT * FROM merge('DATABASE', '.*')",
        "SELECT * FROM merge(REGEXP('.*'), 'secrets')",
        "SELECT * FROM loop(guidestream, secrets)",
        "SELECT * FROM mergeTreeIndex('DATABASE', 'secrets')",
        "SELECT * FROM remote('127.0.0.1', DATABASE.secrets)",
        "SELECT * FROM cluster('default', DATABASE.secrets)",
        "SELECT joinGet('DATABASE.secrets', 's', 1)",
        "SELECT dictGet('DATABASE.secrets', 's', 1)",
        "SELECT * FROM dictionary('DATABASE.secrets')",
        "DESCRIBE TABLE secrets",
        "SHOW CREATE TABLE secrets",
        "EXPLAIN SELECT * FROM secrets",
        "EXPLAIN ESTIMATE SELECT * FROM secrets",
        "SELECT * FROM system.processes",
        "SELECT * FROM system . `processes`",
        'SELECT * FROM "system"."processes"',
        "SELECT * FROM \u201csystem\u201d.\u201cprocesses\u201d",
        "SELECT * FROM system.user_query_log",
        "SELECT * FROM system.parts",
        "SELECT * FROM system.users",
        "SELECT * FROM merge('system', 'processes')",
        "SHOW PROCESSLIST",
        # files and programs of this machine
        "SELECT file('/etc/hostname')",
        "SELECT `file`('/etc/hostname')",
        "SELECT `\\x66ile`('/etc/hostname')",
        'SELECT "file" /* so? */ ("/etc/hostname")',
        "SELECT \u201cfile\u201d('/etc/hostname')",
        "SELECT arrayMap(file, ['/etc/hostname'])",
        "SELECT * APPLY file FROM (SELECT '/etc/hostname')",
        "SELECT * APPLY(file) FROM (SELECT '/etc/hostname')",
        "SELECT // file\n file('/etc/hostname')",
        "SELECT /* /* */ file('/etc/hostname') -- */",
        "SELECT $x$'$x$, file('/etc/hostname') -- '",
        "SELECT * FROM file('/etc/hostname', 'LineAsString')",
        "SELECT * FROM fileCluster('default', '/etc/hostname', 'LineAsString')",
        "SELECT * FROM `/etc/hostname`",
        "SELECT * FROM default.`/etc/hostname`",
        "SELECT * FROM url('http://127.0.0.1:9/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:9/bucket/x.csv', 'CSV')",
        "SELECT * FROM executable('ls', 'TSV', 'a String')",
        "SELECT * FROM sqlite('/tmp/x.db', 't')",
        "SELECT * FROM mysql('127.0.0.1:9', 'd', 't', 'u', 'p')",
        "SELECT * FROM Python(engine)",
        "SELECT 1 INTO OUTFILE '/tmp/leak'",
        "SELECT 1 INTO/**/OUTFILE '/tmp/leak'",
        "SELECT 1 FROM bi_open SETTINGS additional_table_filters = {'bi_open': 'file(\\'/etc/hostname\\') = 1'}",
        "SELECT 1 SETTINGS additional_result_filter = '\\x66ile(\\'/etc/hostname\\') = 1'",
        "SELECT 1 FORMAT Template SETTINGS format_template_resultset = '/etc/hostname'",
        "SELECT 1 FORMAT Protobuf SETTINGS format_schema = '/etc/hostname'",
        # anything that changes something
        "INSERT INTO secrets VALUES (2, 'x')",
        "INSERT INTO secrets SELECT 1, 'x'",
        "INSERT INTO bi_open VALUES (2)",
        "INSERT INTO FUNCTION file('/tmp/leak', 'CSV', 'a UInt8') VALUES (1)",
        "WITH 1 AS x INSERT INTO secrets SELECT x, ''",
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "CREATE TEMPORARY TABLE t (a UInt8)",
        "CREATE VIEW bi_mine AS SELECT * FROM secrets",
        "CREATE FUNCTION f AS x -> x",
        "DROP VIEW bi_open",
        "ALTER TABLE secrets DELETE WHERE 1",
        "DELETE FROM secrets WHERE 1",
        "TRUNCATE TABLE secrets",
        "OPTIMIZE TABLE secrets",
        "RENAME TABLE secrets TO bi_secrets",
        "KILL QUERY WHERE 1",
        "SYSTEM RELOAD USERS",
        "BACKUP TABLE bi_open TO File('/tmp/leak')",
        "GRANT writer TO default",
        # leaving its role or its limits
        "SET ROLE writer",
        "SET ROLE ALL",
        "SET readonly = 0",
        "SELECT 1 SETTINGS readonly = 0",
        "USE system",
        "EXECUTE AS default SELECT 1",
        "SET dialect = 'kusto'",
        "SELECT 1 SETTINGS dialect = 'kusto'",
        # two statements in one
        "SELECT 1; SELECT * FROM secrets",
        "SELECT 1;; DROP VIEW bi_open",
        "SELECT 1; SET ROLE writer",
        "SELECT 1 PARALLEL WITH SELECT 2",
        # what the engine does not even parse
        "1 + 1",
        "",
    ],
)
def test_everything_else_is_refused(bi: httpx.Client, sql: str) -> None:
    answer = bi.post("/", content=sql.replace("DATABASE", bi.params["database"]))
    assert answer.status_code != 200, answer.text
    assert "hidden" not in answer.text
    assert Path("/etc/hostname").read_text(encoding="utf-8").strip() not in answer.text.replace(sql, "")
    assert int(answer.headers["X-ClickHouse-Exception-Code"]) > 0


@pytest.mark.parametrize(
    "parameters",
    [
        {"query": "SELECT * FROM {t:Identifier}", "param_t": "secrets"},
        {"query": "SELECT * FROM system.{t:Identifier}", "param_t": "processes"},
        {"query": "SELECT arrayMap({f:Identifier}, ['/etc/hostname'])", "param_f": "file"},
        {"query": "SELECT arrayMap({f:Identifier}, ['/etc/hostname'])", "param_f": "\\x66ile"},
        {"query": "SELECT arrayMap({f:Identifier}, ['/etc/hostname']) SETTINGS param_f = 'file'"},
        {"query": "SELECT * FROM processes", "database": "system"},
        {"query": "SELECT a FROM bi_open", "additional_result_filter": "file('/etc/hostname') = ''"},
        {"query": "SELECT 1", "dialect": "kusto"},
        {"query": "SELECT 1", "role": "writer"},
        {"query": "SELECT 1", "session_id": "bi-2", "format_schema": "/etc/hostname"},
        {"query": "SELECT 1", "readonly; SET ROLE writer": "1"},
    ],
)
def test_nothing_slips_in_beside_the_statement(bi: httpx.Client, parameters: dict[str, str]) -> None:
    answer = bi.post("/", params={**dict(bi.params), **parameters})
    assert answer.status_code != 200, answer.text
    assert "hidden" not in answer.text


def test_a_readonly_parameter_cannot_free_the_bi_user(bi: httpx.Client) -> None:
    assert bi.post("/", params={"readonly": "0"}, content="CREATE TEMPORARY TABLE t (a UInt8)").status_code != 200


def test_a_session_of_the_writer_is_not_the_bi_users(warehouse: Warehouse, bi: httpx.Client) -> None:
    with writer(warehouse) as client:
        client.post("/", params={"session_id": "shared"}, content="CREATE TEMPORARY TABLE loot (a UInt8)")
        assert client.post("/", params={"session_id": "shared"}, content="SELECT * FROM loot").status_code == 200
    assert bi.post("/", params={"session_id": "shared"}, content="SELECT * FROM loot").status_code != 200


def test_without_a_password_there_is_no_bi_user(tmp_path: Path) -> None:
    with (
        running(tmp_path, GUIDESTREAM_CLICKHOUSE_BI_PASSWORD="") as closed,
        httpx.Client(base_url=closed.url) as client,
    ):
        for password in ("", "reader-secret"):
            answer = client.get("/", params={"query": "SELECT 1"}, auth=(closed.bi_user, password))
            assert answer.status_code == 403
            assert answer.headers["X-ClickHouse-Exception-Code"] == "516"
