"""Logging: one JSON object a line, and libraries that repeat themselves are heard once."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from stream.base import log


class Terminal(io.StringIO):
    """What a person looks at."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(params=[io.StringIO])
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out: io.StringIO = request.param()
    log.configure(process="test", stream=out)
    yield out
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def said(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_line_is_one_json_object_that_names_process_and_module(lines: io.StringIO) -> None:
    log.get("stream.somewhere").info("门店已加载", count=3)
    (line,) = said(lines)
    assert (line["process"], line["module"], line["event"], line["count"]) == (
        "test",
        "stream.somewhere",
        "门店已加载",
        3,
    )


def test_a_library_that_repeats_itself_is_heard_once(lines: io.StringIO) -> None:
    for node in range(50):
        logging.getLogger("aiokafka.client").error("Unable connect to node %s", node)
    logging.getLogger("aiokafka.client").error("something else")
    assert [line["event"] for line in said(lines)] == ["Unable connect to node 0", "something else"]


def test_what_libraries_say_below_a_warning_is_not_heard(lines: io.StringIO) -> None:
    logging.getLogger("aiokafka").info("connected")
    assert not said(lines)


@pytest.mark.parametrize("lines", [io.StringIO, Terminal], indirect=True)
@pytest.mark.parametrize("get", [logging.getLogger, log.get])
def test_an_error_is_told_without_the_variables_of_its_frames(lines: io.StringIO, get: Any) -> None:
    def fails(secret: str) -> int:
        return len(secret) // 0

    try:
        fails(f"gs_shop_{'7' * 8}")
    except ZeroDivisionError:
        get("stream.somewhere").exception("request failed")
    assert "ZeroDivisionError" in lines.getvalue()
    assert "gs_shop_77777777" not in lines.getvalue()
