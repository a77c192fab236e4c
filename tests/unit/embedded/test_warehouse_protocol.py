"""What a request says: its URL, its headers, its credentials; and how an exception is answered."""

import base64

import pytest

from stream.embedded.warehouse import external, failure, protocol
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.users import Role, Users


def read(query_string: str = "", **headers: str) -> protocol.Call:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return protocol.read("POST", protocol.parameters(query_string), named)


def test_settings_parameters_and_the_interfaces_own_fields_are_told_apart() -> None:
    call = read(
        "query=SELECT%201&database=d&max_threads=2&param_x=a%2Fb&compress=1&decompress=0&wait_end_of_query=true"
        "&session_id=s&query_id=q&default_format=CSV&buffer_size=10&log_comment=mine&enable_http_compression=1"
    )
    assert (call.query, call.database, call.session_id, call.query_id) == (b"SELECT 1", "d", "s", "q")
    assert (call.native_answer, call.native_body, call.wait_end, call.http_compression) == (True, False, True, True)
    assert call.settings == {"max_threads": "2"}
    assert call.parameters == {"x": "a/b"}
    assert read().http_compression is None


def test_headers_name_database_and_format() -> None:
    call = read(x_clickhouse_database="d", x_clickhouse_format="Native")
    assert (call.database, call.default_format) == ("d", "Native")


def test_credentials_come_from_headers_before_the_url() -> None:
    basic = "Basic " + base64.b64encode("bi:päss:word".encode()).decode()
    named = read("user=x&password=y", authorization=basic)
    assert (named.user, named.password) == ("bi", "päss:word")
    assert read("user=x", x_clickhouse_user="u", x_clickhouse_key="k", authorization=basic).password == "k"
    assert (read().user, read().anonymous, read("user=x").anonymous) == ("default", True, False)


@pytest.mark.parametrize("header", ["Basic !", "Basic /w==", "Bearer x", "Negotiate"])
def test_credentials_that_cannot_be_read_are_refused(header: str) -> None:
    with pytest.raises(EngineError) as caught:
        read(authorization=header)
    assert caught.value.code == 516


def test_a_url_of_too_many_or_broken_parameters_is_refused() -> None:
    for query_string in ("a=1&" * 1001, "query=%ff"):
        with pytest.raises(EngineError) as caught:
            protocol.parameters(query_string)
        assert caught.value.status == 400


@pytest.mark.parametrize("query_id", ["x" * 257, "a%0d%0aSet-Cookie:%20b", "%00"])
def test_a_query_id_that_cannot_stand_in_a_header_is_refused(query_id: str) -> None:
    with pytest.raises(EngineError) as caught:
        read(f"query_id={query_id}")
    assert caught.value.status == 400


def test_the_two_users_have_their_roles() -> None:
    users = Users("guidestream", "w", "bi", "b")
    assert users.authenticate("guidestream", "w", anonymous=False) is Role.WRITER
    assert users.authenticate("bi", "b", anonymous=False) is Role.BI
    for user, password in (("guidestream", "b"), ("bi", "w"), ("bi", ""), ("", ""), ("导购", "w")):
        with pytest.raises(EngineError) as caught:
            users.authenticate(user, password, anonymous=False)
        assert caught.value.code == 516
    with pytest.raises(EngineError) as caught:
        users.authenticate("default", "", anonymous=True)
    assert (caught.value.code, caught.value.status) == (194, 401)


def test_an_empty_bi_password_switches_that_user_off() -> None:
    with pytest.raises(EngineError):
        Users("guidestream", "w", "bi", "").authenticate("bi", "", anonymous=False)


@pytest.mark.parametrize(
    ("text", "code", "name", "message", "status"),
    [
        (
            "Code: 60. DB::Exception: Table d.t does not exist. (UNKNOWN_TABLE)",
            60,
            "UNKNOWN_TABLE",
            "Table d.t does not exist.",
            404,
        ),
        (
            "Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot modify. (READONLY) (version 26.9). (READONLY)",
            164,
            "READONLY",
            "Cannot modify.",
            500,
        ),
        (
            "Failed: Code: 241. DB::Exception: memory (a) (MEMORY_LIMIT_EXCEEDED) (version 1)",
            241,
            "MEMORY_LIMIT_EXCEEDED",
            "memory (a)",
            500,
        ),
        ("no code at all", 1002, "UNKNOWN_EXCEPTION", "no code at all", 500),
        ("", 1002, "UNKNOWN_EXCEPTION", "the engine gave no reason", 500),
    ],
)
def test_the_engines_exceptions_are_read(text: str, code: int, name: str, message: str, status: int) -> None:
    found = failure.parse(text)
    assert (found.code, found.name, found.message, found.status) == (code, name, message, status)
    assert found.text("26.9") == f"Code: {code}. DB::Exception: {message} ({name}) (version 26.9 (chDB))\n"


def test_external_tables_take_their_fields_and_leave_the_rest() -> None:
    tables, left = external.read(
        {"a": b"1\n", "b": b"x"},
        {"a_structure": "id UInt64", "b_types": "String,UInt8", "b_format": "CSV", "query": "q"},
    )
    assert [(table.name, table.structure, table.format) for table in tables] == [
        ("a", "id UInt64", "TabSeparated"),
        ("b", "_1 String, _2 UInt8", "CSV"),
    ]
    assert left == {"query": "q"}


@pytest.mark.parametrize(
    "fields",
    [{}, {"a_structure": "id UInt64) ENGINE = File; --"}, {"a_structure": "id UInt64", "a_format": "CSV SETTINGS x=1"}],
)
def test_external_tables_cannot_carry_sql(fields: dict[str, str]) -> None:
    with pytest.raises(EngineError):
        external.read({"a": b""}, fields)
