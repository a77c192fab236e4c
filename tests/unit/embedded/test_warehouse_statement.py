"""What the interface reads from a statement, and what it refuses."""

import pytest

from stream.embedded.warehouse import guard, statement
from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.lexer import tokens
from stream.embedded.warehouse.users import Role


def words(text: str) -> list[str]:
    return [token.identifier or token.text.decode() for token in tokens(text.encode())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a -- b\n c", ["a", "c"]),
        ("a // b\n c", ["a", "c"]),
        ("a /* b /* c */ d */ e", ["a", "e"]),
        ("a /* never closed", ["a"]),
        ("a # comment\n#!too\nb", ["a", "b"]),
        ("f('it''s \\' (', x)", ["f", "(", "'it''s \\' ('", ",", "x", ")"]),
        ('"Quoted ""x"" y" `b\\`c`', ['quoted "x" y', "b`c"]),
        ("$tag$ ' \" $tag$ z", ["$tag$ ' \" $tag$", "z"]),
        ("\u201cfile\u201d \u2018text\u2019", ["file", "\u2018text\u2019"]),
        ("x'4a' 1.5e3 a$b", ["x'4a'", "1.5e3", "a$b"]),
    ],
)
def test_tokens_are_cut_as_the_engine_cuts_them(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_depth_counts_round_brackets() -> None:
    assert [(token.text, token.depth) for token in tokens(b"a(b(c)d)e")] == [
        (b"a", 0), (b"(", 0), (b"b", 1), (b"(", 1), (b"c", 2), (b")", 1), (b"d", 1), (b")", 0), (b"e", 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "head", "fmt", "data"),
    [
        (b"INSERT INTO t FORMAT CSV\n1,2\n", b"INSERT INTO t ", "CSV", b"1,2\n"),
        (b"insert into t format RowBinary\r\n\x00\n\xff", b"insert into t ", "RowBinary", b"\x00\n\xff"),
        (b"INSERT INTO t FORMAT CSV", b"INSERT INTO t ", "CSV", b""),
        (b"INSERT INTO t (a, `format`) VALUES (1)", b"INSERT INTO t (a, `format`) ", "Values", b" (1)"),
        (b"/* x */ INSERT INTO t -- VALUES\n VALUES(1)", b"/* x */ INSERT INTO t -- VALUES\n ", "Values", b"(1)"),
        (
            b"INSERT INTO t SETTINGS async_insert=1 FORMAT TSV 1\t2",
            b"INSERT INTO t SETTINGS async_insert=1 ",
            "TSV",
            b"1\t2",
        ),
        (b"INSERT INTO FUNCTION f(x, 'VALUES') VALUES (1)", b"INSERT INTO FUNCTION f(x, 'VALUES') ", "Values", b" (1)"),
    ],
)
def test_an_inserts_data_begin_after_its_format(text: bytes, head: bytes, fmt: str, data: bytes) -> None:
    found = statement.parse(text)
    assert (found.verb, found.text, found.format, found.data) == (b"INSERT", head, fmt, data)
    assert not found.answers


@pytest.mark.parametrize(
    "text",
    [b"INSERT INTO t SELECT 1 FORMAT CSV", b"INSERT INTO t WITH 1 AS x SELECT x", b"INSERT INTO t FROM INFILE 'x'"],
)
def test_an_insert_without_data_of_its_own_is_run_as_it_is(text: bytes) -> None:
    found = statement.parse(text)
    assert (found.data, found.text) == (None, text)


@pytest.mark.parametrize(
    ("text", "fmt", "answers", "streams"),
    [
        (b"SELECT 1 FORMAT JSON", "JSON", True, True),
        (b"select format, 'FORMAT x' from t", "", True, True),
        (b"SELECT (SELECT 1 FORMAT CSV)", "", True, True),
        (b"SELECT 1 FORMAT CSV SETTINGS a = 1;", "CSV", True, True),
        (b"SELECT k, count() FROM t GROUP BY k WITH TOTALS", "", True, False),
        (b"(SELECT 1)", "", True, True),
        (b"SHOW TABLES FORMAT TSV", "TSV", True, False),
        (b"CREATE TABLE t (format String) ENGINE = Memory", "", False, False),
        (b"-- nothing\n", "", False, False),
    ],
)
def test_a_query_tells_its_format_and_whether_it_answers(text: bytes, fmt: str, answers: bool, streams: bool) -> None:  # noqa: FBT001 - a table of truths
    found = statement.parse(text)
    assert (found.format, found.answers, found.streams) == (fmt, answers, streams)


@pytest.mark.parametrize(
    "rendered",
    [
        "SELECT file('x')",
        "SELECT `file`('x')",
        "SELECT arrayMap(file, ['x'])",
        "SELECT * APPLY(file)",
        "SELECT * FROM executable('x', 'TSV', 'a String')",
        "SELECT * FROM Python(frame)",
        "CREATE DICTIONARY d (a UInt8) PRIMARY KEY a SOURCE(EXECUTABLE(COMMAND 'x'))",
        "CREATE TABLE t (a UInt8) ENGINE = MergeTree SETTINGS disk = disk(type = local, path = '/tmp')",
        "SELECT 1 INTO OUTFILE 'x'",
        "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
        "SELECT 1 SETTINGS additional_result_filter = 'file(\\'x\\') = 1'",
        "SELECT {f:Identifier}",
    ],
)
def test_nobody_reaches_files_and_programs(rendered: str) -> None:
    for role in Role:
        with pytest.raises(EngineError) as caught:
            guard.check(rendered.encode(), {}, {}, role)
        assert caught.value.code == 497


@pytest.mark.parametrize(
    "rendered",
    [
        "SELECT file, t.file FROM t WHERE file = 'file(x)'",
        "CREATE TABLE t (`file` String, `disk` UInt8) ENGINE = MergeTree ORDER BY tuple()",
        "SELECT profile(a) FROM t",
        "SELECT 1 SETTINGS additional_result_filter = 'a = 1'",
    ],
)
def test_the_words_alone_are_no_offence(rendered: str) -> None:
    guard.check(rendered.encode(), {}, {}, Role.WRITER)


def test_a_column_named_file_can_be_inserted_into() -> None:
    guard.check_head(b"INSERT INTO t (a, file) FORMAT CSV")
    with pytest.raises(EngineError):
        guard.check_head(b"INSERT INTO FUNCTION file('x', 'CSV') FORMAT CSV")


@pytest.mark.parametrize(
    ("data", "whole", "expected"),
    [
        (b" (1, now())", True, False),
        (b" (1, file('x'))", True, True),
        (b" (1, `\\x66ile`('x'))", True, True),
        (b" (1, now())", False, True),
    ],
)
def test_expressions_in_values_are_not_evaluated_when_they_might_reach_files(
    data: bytes, *, whole: bool, expected: bool
) -> None:
    assert guard.literals_only(data, whole=whole) is expected
