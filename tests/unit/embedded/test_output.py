"""One log of many processes."""

import io
import os
import threading

import pytest

from stream.embedded.output import MAX_LINE, Output, lines_of


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_json_lines_pass_as_they_are_and_others_become_json() -> None:
    stream = io.StringIO()
    output = Output(stream)
    output.write("edge", '{"process":"edge","event":"就绪"}'.encode())
    output.write("prometheus", b'{"level":"INFO","msg":"ready"}')
    output.write("broker", b"java.lang.Error \xff")
    output.write("broker", b"{not json")
    output.write("broker", b"  ")
    assert stream.getvalue().splitlines() == [
        '{"process":"edge","event":"就绪"}',
        '{"process":"prometheus","level":"INFO","msg":"ready"}',
        '{"process":"broker","event":"java.lang.Error �"}',
        '{"process":"broker","event":"{not json"}',
    ]


def test_on_a_terminal_lines_are_for_people() -> None:
    stream = Terminal()
    output = Output(stream)
    output.write("edge", b'{"process":"edge","event":"ready","level":"info","module":"m","port":8080}')
    output.write("worker", b'{"process":"worker","event":"slow","level":"warning"}')
    output.write("broker", b"plain")
    assert stream.getvalue().splitlines() == [
        "edge      | ready port=8080",
        "worker    | WARNING slow",
        "broker    | plain",
    ]


def test_a_reader_that_is_gone_does_not_stop_the_children() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with pytest.raises(BrokenPipeError), os.fdopen(theirs, "w") as stream:  # the buffer's rest, when it is closed
        Output(stream).write("edge", b"{}")


@pytest.mark.parametrize("cut", [1, 7, 4096])
async def test_lines_are_whole_however_the_bytes_arrive(cut: int) -> None:
    content = b"first\n\nthird without end " + "中文".encode() * 50
    assert [line async for line in lines_of(_pipe(content, cut))] == content.split(b"\n")


async def test_a_line_without_end_is_cut_so_that_memory_stays_small() -> None:
    content = b"x" * (3 * MAX_LINE + 10) + b"\n" + b"y"
    lengths = [len(line) async for line in lines_of(_pipe(content, 10_000))]
    assert max(lengths) <= MAX_LINE
    assert sum(lengths) == 3 * MAX_LINE + 11


def _pipe(content: bytes, cut: int) -> int:
    """The end to read of a pipe into which a thread writes so many bytes at a time."""
    ours, theirs = os.pipe()

    def write() -> None:
        for start in range(0, len(content), cut):
            os.write(theirs, content[start : start + cut])
        os.close(theirs)

    threading.Thread(target=write, daemon=True).start()
    return ours
