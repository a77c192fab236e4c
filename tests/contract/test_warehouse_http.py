"""The HTTP interface, byte by byte: what the clients and BI tools of others send, and what they rely on in answers."""

import gzip
import json
import re
import struct
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import quote, urlsplit

import httpx
import lz4.frame
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from backports import zstd

from stream.embedded.warehouse import codec
from tests.support.clickhouse_http import writer
from tests.support.warehouse import Warehouse


@pytest.fixture
def database(warehouse: Warehouse, environ: dict[str, str]) -> Iterator[str]:
    name = environ["GUIDESTREAM_CLICKHOUSE_DATABASE"]
    with writer(warehouse) as client:
        client.post("/", content=f"CREATE DATABASE {name}")
        client.post("/", content=f"CREATE TABLE {name}.t (a UInt64, s String) ENGINE = MergeTree ORDER BY a")
        yield name
        client.post("/", content=f"DROP DATABASE {name}")


@pytest.fixture
def http(warehouse: Warehouse, database: str) -> Iterator[httpx.Client]:
    """Talks as the writer, in this test's database."""
    with writer(warehouse) as client:
        client.params = httpx.QueryParams(database=database)
        yield client


def ask(http: httpx.Client, sql: str, **parameters: str) -> httpx.Response:
    return http.post("/", params={**dict(http.params), **parameters}, content=sql)


def total(http: httpx.Client) -> str:
    return ask(http, "SELECT count(), sum(a) FROM t").text


# --- the interface itself


def test_health_checks_need_no_password(warehouse: Warehouse) -> None:
    for path in ("/ping", "/", "/replicas_status"):
        assert httpx.get(warehouse.url + path).text == "Ok.\n"
    assert httpx.get(warehouse.url + "/nowhere").status_code == 404


def test_every_way_to_say_who_you_are_works(warehouse: Warehouse) -> None:
    url, user, key = warehouse.url + "/?query=SELECT+1", warehouse.user, warehouse.password
    assert httpx.get(url, auth=(user, key)).text == "1\n"
    assert httpx.get(url, headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": key}).text == "1\n"
    assert httpx.get(f"{url}&user={user}&password={key}").text == "1\n"


def test_strangers_are_turned_away_with_clickhouse_codes(warehouse: Warehouse) -> None:
    url = warehouse.url + "/?query=SELECT+1"
    nobody = httpx.get(url)
    assert (nobody.status_code, nobody.headers["X-ClickHouse-Exception-Code"]) == (401, "194")
    assert nobody.headers["WWW-Authenticate"].startswith("Basic")
    for stranger in (
        httpx.get(url, auth=("nobody", "x")),
        httpx.get(url, auth=(warehouse.user, "")),
        httpx.get(url, auth=(warehouse.bi_user, warehouse.password)),
        httpx.get(url, headers={"X-ClickHouse-User": warehouse.user}),
        httpx.get(url, headers={"Authorization": "Basic %%%"}),
        httpx.get(url, headers={"Authorization": "Bearer abc"}),
        httpx.get(url + f"&user={warehouse.user}&password=wrong"),
    ):
        assert (stranger.status_code, stranger.headers["X-ClickHouse-Exception-Code"]) == (403, "516")
        assert "Authentication" in stranger.text or "authentication" in stranger.text


def test_the_statement_may_stand_in_the_url_in_the_body_or_in_both(http: httpx.Client) -> None:
    assert http.get("/", params={"query": "SELECT 1"}).text == "1\n"
    assert ask(http, "SELECT 2").text == "2\n"
    assert ask(http, "FROM numbers(3)", query="SELECT sum(number)").text == "3\n"
    assert ask(http, "1, 2", query="SELECT").text == "1\t2\n"


def test_an_answer_says_what_it_is(http: httpx.Client) -> None:
    answer = ask(http, "SELECT 1 AS x FORMAT JSON", query_id="my-id-1")
    assert answer.json()["data"] == [{"x": 1}]
    assert answer.headers["X-ClickHouse-Format"] == "JSON"
    assert answer.headers["X-ClickHouse-Query-Id"] == "my-id-1"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    assert answer.headers["X-ClickHouse-Server-Display-Name"]
    assert answer.headers["Content-Type"].startswith("application/json")
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["read_rows"] == "1"
    assert "X-ClickHouse-Format" not in ask(http, "CREATE TABLE u (a UInt8) ENGINE = Memory").headers


def test_the_format_comes_from_the_query_else_the_url_else_a_header(http: httpx.Client) -> None:
    assert ask(http, "SELECT 'a\tb' FORMAT CSV", default_format="JSON").text == '"a\tb"\n'
    assert ask(http, "SELECT 'a\tb'", default_format="JSONEachRow").json() == {"'a\\tb'": "a\tb"}
    assert http.post("/", content="SELECT 1 AS x", headers={"X-ClickHouse-Format": "CSVWithNames"}).text == '"x"\n1\n'
    assert ask(http, "SELECT 'a\tb'").text == "a\\tb\n"


def test_parameters_are_unescaped_as_a_server_does(http: httpx.Client) -> None:
    sql = (
        "SELECT {s:String} AS s, {n:UInt8} AS n, {l:Array(String)} AS l, {x:Nullable(String)} AS x, "
        "{c:Identifier} AS c FORMAT JSON"
    )
    answer = ask(http, sql, param_s="a\\tb'导购", param_n="7", param_l="['x','y']", param_x="\\N", param_c="n")
    assert answer.json()["data"] == [{"s": "a\tb'导购", "n": 7, "l": ["x", "y"], "x": None, "c": 7}]


def test_an_unknown_setting_or_database_is_named(http: httpx.Client) -> None:
    for parameters, status, code in (({"no_such": "1"}, 404, "115"), ({"database": "nope"}, 404, "81")):
        answer = ask(http, "SELECT 1", **parameters)
        assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (status, code)
    assert ask(http, "SELECT 1", **{"a = 1; --": "x"}).status_code == 404


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT * FROM missing", 404, 60),
        ("SELECT missing", 404, 47),
        ("SELEC 1", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT toUInt8('x')", 400, 6),
        ("SELECT throwIf(1)", 500, 395),
        ("SELECT 1 FORMAT Nope", 404, 73),
        ("SELECT count() FROM numbers(100000000000) SETTINGS max_execution_time = 0.2", 408, 159),
        ("SELECT groupArray(number) FROM numbers(1000000000) FORMAT Null", 500, 241),
        ("SELECT 1 INTO OUTFILE '/tmp/leak'", 403, 497),
        ("INSERT INTO t FROM INFILE '/etc/hostname' FORMAT TSV", 403, 497),
        ("SELECT file('/etc/hostname')", 403, 497),
        ("INSERT INTO t VALUES (1, file('/etc/hostname'))", 500, 344),
        ("INSERT INTO FUNCTION file('/tmp/leak', 'CSV', 'a UInt8') VALUES (1)", 403, 497),
        (
            "CREATE DICTIONARY d (a UInt64) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'id' FORMAT TSV)) LAYOUT(FLAT)",
            403,
            497,
        ),
        ("SYSTEM SHUTDOWN", 403, 497),
        ("", 400, 62),
    ],
)
def test_an_error_has_the_status_code_and_text_of_a_server(
    http: httpx.Client, sql: str, status: int, code: int
) -> None:
    answer = ask(http, sql)
    assert (answer.status_code, int(answer.headers["X-ClickHouse-Exception-Code"])) == (status, code), answer.text
    assert re.fullmatch(rf"Code: {code}\. DB::Exception: .*\([A-Z_0-9]+\) \(version .*\)\n", answer.text, re.DOTALL)


def test_get_cannot_change_anything(http: httpx.Client) -> None:
    for sql in ("INSERT INTO t VALUES (1, '')", "DROP TABLE t", "INSERT INTO t SELECT 1, ''"):
        answer = http.get("/", params={**dict(http.params), "query": sql})
        assert answer.headers["X-ClickHouse-Exception-Code"] == "164"
    assert ask(http, "DROP TABLE t", readonly="1").headers["X-ClickHouse-Exception-Code"] == "164"
    assert total(http) == "0\t0\n"


def test_text_in_chinese_survives_in_both_directions(http: httpx.Client) -> None:
    ask(http, "INSERT INTO t VALUES (1, '导购张三 🛍')")
    assert ask(http, "SELECT s FROM t WHERE s LIKE '导购%'").text == "导购张三 🛍\n"
    assert http.get("/", params={**dict(http.params), "query": "SELECT '中文'"}).text == "中文\n"


# --- inserts


def native_block() -> bytes:
    columns = b"\x01a\x06UInt64" + struct.pack("<QQ", 1, 2) + b"\x01s\x06String" + b"\x01x\x01y"
    return b"\x02\x02" + columns


def arrow(stream: bool) -> bytes:  # noqa: FBT001 - one test table
    table = pa.table({"a": pa.array([1, 2], pa.uint64()), "s": ["x", "y"]})
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, table.schema) as out:
        out.write_table(table)
    return bytes(sink.getvalue())


def parquet() -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": pa.array([1, 2], pa.uint64()), "s": ["x", "y"]}), sink)
    return bytes(sink.getvalue())


FORMATS: dict[str, bytes] = {
    "Values": b" (1, 'x'), (1 + 1, concat('', 'y'));",
    "TabSeparated": b"1\tx\n2\ty\n",
    "TSVWithNames": b"a\ts\n1\tx\n2\ty\n",
    "CSV": b'1,"x"\n2,"y"\n',
    "CSVWithNames": b'"s","a"\n"x",1\n"y",2\n',
    "JSONEachRow": b'{"a":1,"s":"x"}\n{"a":2,"s":"y"}',
    "JSONCompactEachRow": b'[1,"x"]\n[2,"y"]\n',
    "RowBinary": struct.pack("<Q", 1) + b"\x01x" + struct.pack("<Q", 2) + b"\x01y",
    "RowBinaryWithNamesAndTypes": b"\x02\x01a\x01s\x06UInt64\x06String"
    + struct.pack("<Q", 1)
    + b"\x01x"
    + struct.pack("<Q", 2)
    + b"\x01y",
    "Native": native_block(),
    "ArrowStream": arrow(stream=True),
    "Arrow": arrow(stream=False),
    "Parquet": parquet(),
}


@pytest.mark.parametrize("fmt", FORMATS)
def test_data_of_every_format_come_in(http: httpx.Client, fmt: str) -> None:
    answer = http.post(
        "/", params={**dict(http.params), "query": f"INSERT INTO t (a, s) FORMAT {fmt}"}, content=FORMATS[fmt]
    )
    assert answer.status_code == 200, answer.text
    assert json.loads(answer.headers["X-ClickHouse-Summary"])["written_rows"] == "2"
    in_body = http.post("/", content=f"INSERT INTO t FORMAT {fmt}\n".encode() + FORMATS[fmt])
    assert in_body.status_code == 200, in_body.text
    assert total(http) == "4\t6\n"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "lz4", "native"])
@pytest.mark.parametrize("rows", [2, 300_000])
def test_compressed_data_come_in_small_and_large(http: httpx.Client, coding: str, rows: int) -> None:
    data = b"".join(b'%d,"name %d"\n' % (number, number) for number in range(rows))
    parameters = {**dict(http.params), "query": "INSERT INTO t FORMAT CSV"}
    headers = {} if coding == "native" else {"Content-Encoding": coding}
    if coding == "native":
        parameters["decompress"] = "1"
        body = b"".join(codec.encoded([data], codec.NativeEncoder()))
    else:
        compress = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": zstd.compress, "lz4": lz4.frame.compress}
        body = compress[coding](data)
    answer = http.post("/", params=parameters, content=body, headers=headers)
    assert answer.status_code == 200, answer.text
    assert total(http) == f"{rows}\t{rows * (rows - 1) // 2}\n"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "lz4", "native"])
def test_damaged_or_cut_bodies_insert_nothing(http: httpx.Client, coding: str) -> None:
    data = b"".join(b'%d,"name"\n' % number for number in range(50_000))
    parameters = {**dict(http.params), "query": "INSERT INTO t FORMAT CSV"}
    headers = {} if coding == "native" else {"Content-Encoding": coding}
    if coding == "native":
        parameters["decompress"] = "1"
        body = b"".join(codec.encoded([data], codec.NativeEncoder()))
    else:
        body = b"".join(codec.encoded([data], codec.encoder(coding, 3)))
    middle = len(body) // 2
    damaged = body[:middle] + b"\xff\x00\xff" + body[middle + 3 :]
    # zstd and lz4 bodies carry no checksum unless their client adds one.
    for bad in [body[:middle]] if coding in ("zstd", "lz4") else [body[:middle], damaged]:
        answer = http.post("/", params=parameters, content=bad, headers=headers)
        assert answer.status_code != 200
        assert "X-ClickHouse-Exception-Code" in answer.headers
    assert total(http) == "0\t0\n"


def test_an_unknown_coding_is_refused(http: httpx.Client) -> None:
    answer = http.post("/", content=b"SELECT 1", headers={"Content-Encoding": "snappy"})
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (415, "415")


def test_a_body_in_chunks_of_unknown_length_is_one_insert(http: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        for start in range(0, 300_000, 1000):
            yield b"".join(b"%d\tx\n" % number for number in range(start, start + 1000))

    parameters = {**dict(http.params), "query": "INSERT INTO t FORMAT TSV"}
    assert http.post("/", params=parameters, content=chunks()).status_code == 200
    parts = "SELECT count(), sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 't' AND active"
    assert ask(http, parts).text == "1\t300000\n"


def test_a_large_insert_is_one_part(http: httpx.Client) -> None:
    data = b"".join(struct.pack("<Q", number) + b"\xc8\x02" + b"x" * 328 for number in range(300_000))
    parameters = {**dict(http.params), "query": "INSERT INTO t FORMAT RowBinary"}
    assert len(data) > 100_000_000
    assert http.post("/", params=parameters, content=data).status_code == 200
    parts = "SELECT count(), sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = 't' AND active"
    assert ask(http, parts).text == "1\t300000\n"


def test_an_error_in_the_last_row_leaves_nothing_behind(http: httpx.Client) -> None:
    good = b"".join(b'{"a": %d, "s": "x"}\n' % number for number in range(50_000))
    for bad in (b'{"a": "no number"}\n', b'{"a": 1, "unknown": 1, \n', b"\xff\xfe"):
        answer = http.post(
            "/", params={**dict(http.params), "query": "INSERT INTO t FORMAT JSONEachRow"}, content=good + bad
        )
        assert answer.status_code in (400, 500)
    assert total(http) == "0\t0\n"


def test_an_insert_whose_client_goes_away_leaves_nothing_behind(warehouse: Warehouse, http: httpx.Client) -> None:
    where = urlsplit(warehouse.url)
    connection = HTTPConnection(where.hostname or "", where.port)
    path = f"/?database={http.params['database']}&query=" + quote("INSERT INTO t FORMAT TSV")
    connection.putrequest("POST", f"{path}&user={warehouse.user}&password={warehouse.password}")
    connection.putheader("Content-Length", "100000000")
    connection.endheaders()
    connection.send(b"1\tx\n" * 1_000_000)
    connection.close()
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO t%'"
    deadline = time.monotonic() + 30
    while ask(http, running).text != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert total(http) == "0\t0\n"


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(warehouse: Warehouse) -> None:
    where = urlsplit(warehouse.url)
    connection = HTTPConnection(where.hostname or "", where.port)
    connection.putrequest("POST", f"/?user={warehouse.user}&password={warehouse.password}")
    connection.putheader("Expect", "100-continue")
    connection.putheader("Content-Length", "8")
    connection.endheaders()
    assert connection.sock is not None
    assert connection.sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"SELECT 3")
    assert connection.getresponse().read() == b"3\n"
    connection.close()


def test_values_may_hold_expressions_but_none_that_reaches_files(http: httpx.Client) -> None:
    assert ask(http, "INSERT INTO t VALUES (toUInt64('7'), concat('a', 'b')), (8, 'a file of text')").status_code == 500
    assert ask(http, "INSERT INTO t VALUES (toUInt64('7'), concat('a', 'b')), (8, 'plain')").status_code == 200
    assert ask(http, "INSERT INTO t VALUES (9, 'a file of text')").status_code == 200
    assert total(http) == "3\t24\n"


# --- answers


STREAMED = [
    "TSV",
    "TSVWithNamesAndTypes",
    "CSVWithNames",
    "JSONEachRow",
    "JSONCompactEachRowWithNames",
    "RowBinaryWithNamesAndTypes",
    "Native",
    "ArrowStream",
]


@pytest.mark.parametrize("fmt", STREAMED)
def test_a_streamed_answer_is_the_same_as_a_whole_one(http: httpx.Client, fmt: str) -> None:
    columns = 'number AS `a"\n",b`, toString(number) AS s, number % 2 = 0 ? NULL : number AS n'
    for rows in (0, 1, 200_000):
        table = f"SELECT {columns} FROM numbers({rows})"
        streamed = ask(http, f"{table} FORMAT {fmt}")
        # One block is one document: with a block for all rows there is nothing to splice.
        whole = ask(http, f"{table} SETTINGS max_block_size = 1000000 FORMAT {fmt}")
        assert streamed.status_code == whole.status_code == 200
        if fmt in ("Native", "ArrowStream"):
            assert len(streamed.content) >= len(whole.content)  # a block has a head of its own
        else:
            assert streamed.content == whole.content
    if fmt == "ArrowStream":
        assert pa.ipc.open_stream(streamed.content).read_all().column("s").to_pylist() == [str(n) for n in range(rows)]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "lz4"])
@pytest.mark.parametrize("rows", [10, 500_000])
def test_an_answer_is_compressed_as_the_client_accepts(http: httpx.Client, coding: str, rows: int) -> None:
    parameters = {**dict(http.params), "enable_http_compression": "1", "query": f"SELECT number FROM numbers({rows})"}
    with http.stream("GET", "/", params=parameters, headers={"Accept-Encoding": coding}) as answer:
        assert answer.headers["Content-Encoding"] == coding
        raw = b"".join(answer.iter_raw())
    decoder = codec.decoder(coding, native=False)
    text = b"".join(decoder.feed(raw))
    decoder.end()
    assert text == b"".join(b"%d\n" % number for number in range(rows))


def test_an_answer_is_not_compressed_unless_both_want_it(http: httpx.Client) -> None:
    off = {**dict(http.params), "enable_http_compression": "0", "query": "SELECT 1"}
    assert "Content-Encoding" not in http.get("/", params=off, headers={"Accept-Encoding": "gzip"}).headers
    on = {**dict(http.params), "enable_http_compression": "1", "query": "SELECT 1"}
    assert "Content-Encoding" not in http.get("/", params=on, headers={"Accept-Encoding": "br, gzip;q=0"}).headers


def test_a_failure_inside_a_streamed_answer_cuts_it_off_with_the_reason(warehouse: Warehouse) -> None:
    where = urlsplit(warehouse.url)
    connection = HTTPConnection(where.hostname or "", where.port)
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_block_size = 10000"
    connection.request("GET", f"/?user={warehouse.user}&password={warehouse.password}&query={quote(sql)}")
    answer = connection.getresponse()
    tag = answer.getheader("X-ClickHouse-Exception-Tag") or ""
    assert (answer.status, len(tag)) == (200, 16)
    with pytest.raises(IncompleteRead) as caught:
        answer.read()
    assert f"\r\n__exception__\r\n{tag}\r\nCode: 395".encode() in caught.value.partial[-2000:]
    connection.close()


def test_wait_end_of_query_turns_a_late_failure_into_a_status(http: httpx.Client) -> None:
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000) SETTINGS max_block_size = 10000"
    answer = ask(http, sql, wait_end_of_query="1")
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (500, "395")
    large = ask(http, "SELECT number FROM numbers(3000000)", wait_end_of_query="1")
    assert json.loads(large.headers["X-ClickHouse-Summary"])["result_rows"] == "3000000"
    assert len(large.text.splitlines()) == 3_000_000


def test_a_result_too_large_to_be_held_is_refused_and_the_streamed_one_is_not(http: httpx.Client) -> None:
    sql = "SELECT repeat('x', 1000 + number % 2) AS x FROM numbers(300000)"
    refused = ask(http, sql + " FORMAT JSON")
    assert (refused.status_code, refused.headers["X-ClickHouse-Exception-Code"]) == (500, "396")
    with http.stream("POST", "/", content=sql + " FORMAT JSONEachRow") as answer:
        assert sum(len(piece) for piece in answer.iter_raw()) == 150_000 * (2001 + 2 * len('{"x":""}\n'))


def test_a_query_ends_when_its_client_goes_away(warehouse: Warehouse, http: httpx.Client) -> None:
    name = f"gone-{uuid.uuid4()}"
    with pytest.raises(httpx.ReadTimeout):
        http.post(
            "/", params={"query_id": name}, content=f"SELECT count() FROM numbers(1000000000000) -- {name}", timeout=0.5
        )
    running = f"SELECT count() FROM system.processes WHERE Settings['log_comment'] = '{name}'"
    deadline = time.monotonic() + 30
    while ask(http, running).text != "0\n":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_query_can_be_killed_by_its_id(http: httpx.Client) -> None:
    name = f"kill-{uuid.uuid4()}"
    answers: list[httpx.Response] = []
    body = {"params": {**dict(http.params), "query_id": name}, "content": "SELECT count() FROM numbers(1000000000000)"}
    thread = threading.Thread(target=lambda: answers.append(http.post("/", **body)))  # type: ignore[arg-type]
    thread.start()
    while thread.is_alive():
        if name in ask(http, "SELECT Settings['log_comment'] FROM system.processes").text:
            assert ask(http, "SELECT 1", query_id=name).headers["X-ClickHouse-Exception-Code"] == "216"
            ask(http, f"KILL QUERY WHERE query_id = '{name}' ASYNC")
        thread.join(0.05)
    assert answers[0].headers["X-ClickHouse-Exception-Code"] == "394"


# --- sessions


def test_a_session_keeps_settings_and_temporary_tables(http: httpx.Client) -> None:
    session = {"session_id": f"s-{uuid.uuid4()}"}
    assert ask(http, "SELECT 1", session_check="1", **session).headers["X-ClickHouse-Exception-Code"] == "372"
    ask(http, "CREATE TEMPORARY TABLE mine (a UInt8)", **session)
    ask(http, "INSERT INTO mine VALUES (1), (2)", **session)
    ask(http, "SET max_threads = 3", **session)
    assert (
        ask(http, "SELECT sum(a), getSetting('max_threads') FROM mine", session_check="1", **session).text == "3\t3\n"
    )
    assert ask(http, "SELECT getSetting('max_threads')", max_threads="5", **session).text == "5\n"
    assert ask(http, "SELECT getSetting('max_threads')", **session).text == "3\n"
    assert ask(http, "SELECT 1", session_timeout="9999", **session).headers["X-ClickHouse-Exception-Code"] == "374"
    ask(http, "SELECT 1", close_session="1", **session)
    assert ask(http, "SELECT * FROM mine", **session).headers["X-ClickHouse-Exception-Code"] == "60"


def test_a_session_serves_one_request_at_a_time(http: httpx.Client) -> None:
    session = {"session_id": f"s-{uuid.uuid4()}"}
    parameters = {**dict(http.params), **session, "query": "SELECT number FROM numbers(100000000)"}
    with http.stream("POST", "/", params=parameters) as answer:
        pieces = answer.iter_raw()
        assert next(pieces)
        assert ask(http, "SELECT 1", **session).headers["X-ClickHouse-Exception-Code"] == "373"


# --- clients of others, as their sources have them


def test_the_javascript_client_finds_what_it_needs(http: httpx.Client) -> None:
    """Node client: JSON formats in the statement, inserts streamed as gzip chunks, the summary in a header."""
    query_id = str(uuid.uuid4())
    headers = {"User-Agent": "clickhouse-js/1.12 (lv:nodejs/v22; os:linux)", "Accept-Encoding": "gzip"}

    def rows() -> Iterator[bytes]:
        packer = zlib.compressobj(wbits=31)
        for number in range(1000):
            yield packer.compress(b'{"a":"%d","s":"x"}\n' % number)
        yield packer.flush()

    inserted = http.post(
        "/",
        params={**dict(http.params), "query": "INSERT INTO t FORMAT JSONEachRow", "query_id": query_id},
        content=rows(),
        headers={**headers, "Content-Encoding": "gzip"},
    )
    assert inserted.headers["X-ClickHouse-Query-Id"] == query_id
    assert json.loads(inserted.headers["X-ClickHouse-Summary"])["written_rows"] == "1000"
    parameters = {
        **dict(http.params),
        "query_id": query_id,
        "enable_http_compression": "1",
        "send_progress_in_http_headers": "1",
        "http_headers_progress_interval_ms": "110000",
        "output_format_json_quote_64bit_integers": "1",
        "param_least": "998",
    }
    sql = "SELECT a FROM t WHERE a >= {least: UInt64} ORDER BY a\nFORMAT JSONEachRow"
    found = http.post("/", params=parameters, content=sql, headers=headers)
    assert found.headers["Content-Encoding"] == "gzip"
    assert [json.loads(line) for line in found.text.splitlines()] == [{"a": "998"}, {"a": "999"}]
    command = ask(
        http, "CREATE TABLE made (a UInt8) ENGINE = Memory", wait_end_of_query="1", query_id=str(uuid.uuid4())
    )
    assert (command.status_code, command.content) == (200, b"")


def test_the_jdbc_driver_finds_what_it_needs(http: httpx.Client, warehouse: Warehouse) -> None:
    """Java client v2: credentials and format in headers, its own compressed blocks both ways, probes at the start."""
    headers = {
        "X-ClickHouse-User": warehouse.user,
        "X-ClickHouse-Key": warehouse.password,
        "X-ClickHouse-Database": http.params["database"],
        "X-ClickHouse-Format": "RowBinaryWithNamesAndTypes",
        "Content-Type": "text/plain; charset=utf-8",
    }

    def call(sql: bytes, status: int = 200, **parameters: str) -> bytes:
        with httpx.Client(base_url=warehouse.url, headers=headers) as java:
            answer = java.post("/", params={"compress": "1", **parameters}, content=sql)
        assert answer.status_code == status, answer.text
        if answer.headers.get("X-ClickHouse-Format"):
            assert answer.headers["X-ClickHouse-Format"] == "RowBinaryWithNamesAndTypes"
        blocks = codec.decoder("", native=True)
        content = b"".join(blocks.feed(answer.content))
        blocks.end()
        return content

    probe = call(b"SELECT currentUser() AS user, timezone() AS timezone, version() AS version LIMIT 1")
    assert probe.startswith(b"\x03\x04user\x08timezone\x07version\x06String\x06String\x06String")
    data = b"".join(struct.pack("<Q", number) + b"\x01x" for number in range(1000))
    packed = b"".join(codec.encoded([data], codec.NativeEncoder()))
    call(packed, query="INSERT INTO t (a, s) FORMAT RowBinary", decompress="1", query_id=str(uuid.uuid4()))
    assert call(b"SELECT count() AS n FROM t") == b"\x01\x01n\x06UInt64" + struct.pack("<Q", 1000)
    many = call(b"SELECT number FROM numbers(300000)")
    assert len(many) == len(b"\x01\x06number\x06UInt64") + 300_000 * 8
    call(b"INSERT INTO t (a, s) VALUES (5000, 'from a prepared statement')")
    assert call(b"SELECT s FROM t WHERE a = 5000").endswith(b"from a prepared statement")
    assert call(b"SELECT nope FROM t", status=404).startswith(b"Code: 47. DB::Exception: Unknown expression")


def test_grafana_finds_what_it_needs(http: httpx.Client) -> None:
    """Its Go driver over HTTP asks for Native and gzip; the older plugin for JSON by GET."""
    hello = {
        **dict(http.params),
        "default_format": "Native",
        "max_execution_time": "60",
        "enable_http_compression": "1",
    }
    answer = http.post(
        "/",
        params=hello,
        content="SELECT displayName(), version(), revision(), timezone()",
        headers={"Accept-Encoding": "gzip", "X-Clickhouse-SSL-Certificate-Auth": "off"},
    )
    assert answer.headers["X-ClickHouse-Format"] == "Native"
    assert answer.content[:2] == b"\x04\x01"
    sql = (
        "SELECT toStartOfInterval(now(), INTERVAL 60 second) AS time, count() AS taps FROM t "
        "WHERE a >= 0 GROUP BY time ORDER BY time FORMAT JSON"
    )
    found = http.get("/", params={**dict(http.params), "query": sql, "add_http_cors_header": "1"})
    assert [column["name"] for column in found.json()["meta"]] == ["time", "taps"]
    for metadata in (
        "SELECT name FROM system.databases",
        "SELECT name FROM system.tables WHERE database = currentDatabase()",
        "SELECT name, type FROM system.columns WHERE table = 't'",
        "SELECT name FROM system.functions LIMIT 5",
        "DESC TABLE t",
        "SELECT 1 SETTINGS additional_table_filters = {'t': 'a > 5'}",
    ):
        assert ask(http, metadata).status_code == 200


def test_superset_finds_what_it_needs(http: httpx.Client) -> None:
    """Its driver is clickhouse-connect (tested on its own); the older dialect reads tab-separated names and types."""
    answer = ask(http, "SELECT a, s FROM t LIMIT 0 FORMAT TabSeparatedWithNamesAndTypes")
    assert answer.text == "a\ts\nUInt64\tString\n"
    for sql in ("SHOW DATABASES", "SHOW TABLES", "EXISTS TABLE t", "DESCRIBE TABLE t", "SELECT version()"):
        assert ask(http, sql + " FORMAT TabSeparatedWithNamesAndTypes").status_code == 200
