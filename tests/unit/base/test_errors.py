"""The error tree: what its head says is what the classes say."""

import inspect
import re
from pathlib import Path

import pytest

import stream
from stream.base import errors
from stream.base.errors import GuidestreamError

CLASSES = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, GuidestreamError)]
TREE = {
    found["name"]: found["says"]
    for found in re.finditer(r"^ +[ |`-]*(?P<name>\w+Error)(?P<says>.*)$", errors.__doc__ or "", re.MULTILINE)
}


def test_the_tree_names_every_error() -> None:
    assert set(TREE) == {error.__name__ for error in CLASSES}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_statuses_and_exit_codes_are_as_the_tree_says(error: type[GuidestreamError]) -> None:
    for words, value in (("HTTP", error.http_status), ("exit", error.exit_code)):
        found = re.search(rf"{words} (\d+)", TREE[error.__name__])
        assert found is None or int(found[1]) == value
    assert ("retry" in TREE[error.__name__]) == error.retryable


def test_every_fact_of_a_class_is_read_somewhere() -> None:
    sources = [path.read_text("utf-8") for path in Path(stream.__file__).parent.rglob("*.py")]
    for fact in GuidestreamError.__annotations__:
        assert any(f".{fact}" in source for source in sources), fact
