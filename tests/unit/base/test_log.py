"""Logging: one JSON object a line, and libraries that repeat themselves are heard once."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from stream.base import log


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
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
