"""`guidestream warehouse` as a process: what it keeps, refuses, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx

from tests.support.clickhouse_http import reader, writer
from tests.support.warehouse import Warehouse, running


def refused(data_dir: Path, **environ: str) -> str:
    """What a warehouse says that must not start."""
    ended = subprocess.run(
        [sys.executable, "-m", "stream", "warehouse"],
        env=os.environ | {"GUIDESTREAM_DATA_DIR": str(data_dir), "GUIDESTREAM_WAREHOUSE_PORT": "0", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_every_acknowledged_row_survives_kill_9(tmp_path: Path) -> None:
    acknowledged = 0
    with running(tmp_path) as first, writer(first) as client:
        client.post("/", content="CREATE TABLE t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
        client.post("/", content="CREATE DATABASE other")
        threading.Timer(0.5, os.kill, (first.pid, signal.SIGKILL)).start()
        with suppress(httpx.TransportError):
            while True:
                rows = "".join(f"({number}, 'x')," for number in range(acknowledged, acknowledged + 100))
                assert client.post("/", content="INSERT INTO t VALUES " + rows).status_code == 200
                acknowledged += 100
    assert acknowledged
    for _ in range(2):  # the second start is after a clean stop
        with running(tmp_path) as again, writer(again) as client:
            count, greatest = client.post("/", content="SELECT count(), max(a) FROM t").text.split()
            assert int(count) in (acknowledged, acknowledged + 100)
            assert int(greatest) + 1 == int(count)
            assert "other" in client.post("/", content="SHOW DATABASES").text


def test_small_parts_are_few_files_and_stay_so_when_they_are_merged_and_changed(tmp_path: Path) -> None:
    def files() -> list[Path]:
        return [file for file in tmp_path.rglob("store/**/all_*/**/*") if file.is_file()]

    with running(tmp_path) as started, writer(started) as client:
        client.post(
            "/",
            content="CREATE TABLE t (a UInt64, s String, INDEX words s TYPE bloom_filter GRANULARITY 1, "
            "PROJECTION last (SELECT s, max(a) GROUP BY s)) ENGINE = MergeTree ORDER BY a",
        )
        for start in (0, 1_000):
            content = f"INSERT INTO t SELECT number, toString(number % 7) FROM numbers({start}, 1000)"
            assert client.post("/", content=content).status_code == 200
        assert len(files()) == 2 * 2
        assert client.post("/", content="OPTIMIZE TABLE t FINAL").status_code == 200
        content = "ALTER TABLE t DELETE WHERE a % 2 = 0 SETTINGS mutations_sync = 2"
        assert client.post("/", content=content).status_code == 200
        stored = "SELECT DISTINCT part_storage_type FROM system.parts WHERE table = 't' AND active"
        assert client.post("/", content=stored).text == "Packed\n"
    with running(tmp_path) as again, writer(again) as client:
        assert client.post("/", content="SELECT count(), max(a) FROM t WHERE s = '3'").text.split() == ["143", "1991"]


def test_a_second_process_on_the_same_data_is_told_so(tmp_path: Path) -> None:
    with running(tmp_path):
        assert "is in use by another warehouse" in refused(tmp_path)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"cannot listen on 127.0.0.1:{port}" in refused(tmp_path, GUIDESTREAM_WAREHOUSE_PORT=port)


def test_without_a_password_it_listens_to_this_machine_only(tmp_path: Path) -> None:
    message = refused(tmp_path, GUIDESTREAM_WAREHOUSE_HOST="0.0.0.0", GUIDESTREAM_CLICKHOUSE_PASSWORD="")  # noqa: S104 - is refused
    assert "GUIDESTREAM_CLICKHOUSE_PASSWORD" in message
    with running(tmp_path, GUIDESTREAM_CLICKHOUSE_PASSWORD="") as open_to_loopback:
        answer = httpx.get(open_to_loopback.url, params={"query": "SELECT 1"}, auth=(open_to_loopback.user, ""))
        assert answer.text == "1\n"


def test_sigterm_lets_a_running_query_end_and_then_stops(tmp_path: Path) -> None:
    variables = {
        "GUIDESTREAM_DATA_DIR": str(tmp_path),
        "GUIDESTREAM_WAREHOUSE_PORT": "0",
        "GUIDESTREAM_CLICKHOUSE_PASSWORD": "p",
    }
    with running(tmp_path, **variables) as started:
        answers: list[str] = []

        def ask() -> None:
            sql = "SELECT sleep(1), 'done'"
            answers.append(httpx.post(started.url, content=sql, auth=(started.user, "p"), timeout=30).text)

        thread = threading.Thread(target=ask)
        thread.start()
        while "sleep" not in httpx.post(
            started.url, content="SELECT query FROM system.processes", auth=(started.user, "p")
        ).text.replace("system.processes", ""):
            time.sleep(0.02)
        os.kill(started.pid, signal.SIGTERM)
        thread.join()
        assert answers == ["0\tdone\n"]
    assert not (tmp_path / "run" / "warehouse.json").exists()


def test_readers_and_a_writer_work_at_once(warehouse: Warehouse, environ: dict[str, str]) -> None:
    database = environ["GUIDESTREAM_CLICKHOUSE_DATABASE"]
    with writer(warehouse) as client:
        client.post("/", content=f"CREATE DATABASE {database}")
        client.post("/", content=f"CREATE TABLE {database}.t (a UInt64) ENGINE = MergeTree ORDER BY a")
        done = threading.Event()
        wrong: list[str] = []

        def read() -> None:
            with writer(warehouse) as reader:
                before = 0
                while not done.is_set():
                    text = reader.post("/", content=f"SELECT count(), countIf(a % 1000 = 0) FROM {database}.t").text
                    rows, blocks = (int(value) for value in text.split())
                    if rows != blocks * 1000 or rows < before:
                        wrong.append(text)
                    before = rows

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for block in range(30):
            data = "".join(f"{block * 1000 + number}\n" for number in range(1000))
            assert client.post(f"/?query=INSERT+INTO+{database}.t+FORMAT+TSV", content=data).status_code == 200
        done.set()
        for reader in readers:
            reader.join()
        assert wrong == []
        assert client.post("/", content=f"SELECT count() FROM {database}.t").text == "30000\n"
        client.post("/", content=f"DROP DATABASE {database}")


def test_no_log_table_of_the_engine_grows(warehouse: Warehouse) -> None:
    with writer(warehouse) as client:
        sql = "SELECT name, engine FROM system.tables WHERE database = 'system' AND engine LIKE '%MergeTree'"
        assert client.post("/", content=sql).text == ""


def test_the_engine_stops_at_its_memory_and_goes_on(tmp_path: Path) -> None:
    with running(tmp_path, GUIDESTREAM_WAREHOUSE_MEMORY_MIB="512") as small, writer(small) as client:
        answer = client.post("/", content="SELECT groupArray(number) FROM numbers(200000000) FORMAT Null")
        assert answer.headers["X-ClickHouse-Exception-Code"] == "241"
        assert client.post("/", content="SELECT 1").text == "1\n"


def test_silent_and_endless_headers_are_bounded(warehouse: Warehouse) -> None:
    host, port = warehouse.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        line = b"X-Filler: " + b"x" * 1000 + b"\r\n"
        sent = 0
        with suppress(ConnectionError):
            while sent < 100_000_000:
                connection.sendall(line)
                sent += len(line)
        assert sent < 100_000_000


def test_queries_of_dashboards_leave_turns_to_the_writer(tmp_path: Path) -> None:
    answers: list[str] = []
    minute = "SELECT sleepEachRow(1) FROM numbers(60) SETTINGS max_block_size = 1, max_threads = 1 FORMAT Null"
    count = "SELECT countIf(query LIKE '%sleepEachRow%' AND query NOT LIKE '%countIf%') FROM system.processes"

    def ask() -> None:
        with suppress(httpx.TransportError):
            answers.append(dashboard.post("/", content=minute).text)

    queries = [threading.Thread(target=ask) for _ in range(8)]
    with running(tmp_path, GUIDESTREAM_WAREHOUSE_THREADS="4") as started:
        with reader(started) as dashboard, writer(started) as client:
            for query in queries:
                query.start()
            while (under_way := client.post("/", content=count).text) in ("0\n", "1\n"):
                time.sleep(0.02)
            client.post("/", content="CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a")
            inserted = client.post("/", content="INSERT INTO t VALUES (1)").status_code
            still_under_way = client.post("/", content=count).text
            os.kill(started.pid, signal.SIGKILL)
            for query in queries:
                query.join()
        assert (under_way, inserted, still_under_way, answers) == ("2\n", 200, "2\n", [])
