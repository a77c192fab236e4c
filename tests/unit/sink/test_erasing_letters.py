import json
from collections.abc import Callable

import pytest

from stream.sink.erasing_letters import Names, _named


@pytest.mark.parametrize(
    "value",
    [
        b"c1",
        b'{"customer_id":"c1"}',
        b'{"customer_id": "c1", "v": ',
        b"lead:c1:7",
        b"c1,c2",
        b"\xff\xfec1\x00",
        "客户c1。".encode(),
        b"said c1.",
    ],
)
def test_an_id_counts_where_it_stands_alone(value: bytes) -> None:
    assert Names(["c1"]).in_bytes(value)


@pytest.mark.parametrize("value", [b"", b"c11", b"xc1", b"c1_2", b"a-c1", b"c1-a", b"c1.example", b"me@c1", b"C1"])
def test_an_id_within_another_is_somebody_else(value: bytes) -> None:
    assert not Names(["c1"]).in_bytes(value)


def test_an_id_may_be_written_with_escapes() -> None:
    assert _named([b'{"customer_id": "\\u674e\\u5a1c-7"}'], Names(["李娜-7"]))
    assert not _named([b'{"customer_id": "\\u674e\\u5a1c-77"}'], Names(["李娜-7"]))


@pytest.mark.parametrize("id_", ['quo"te', "back\\slash", '李"娜-7', " c1 "])
@pytest.mark.parametrize("written", [json.dumps, lambda text: json.dumps(text, ensure_ascii=False)])
def test_an_id_that_json_escapes_is_found_as_it_is_written(id_: str, written: Callable[[str], str]) -> None:
    assert _named([id_.encode()], Names([id_]))
    assert _named([f'{{"customer_id": {written(id_)}, '.encode()], Names([id_]))
    assert not _named([f'{{"customer_id": {written(f"x{id_.strip()}")}, '.encode()], Names([id_]))


@pytest.mark.parametrize("value", [b"EQ-_a", b'{"token":"EQ-_a"}', b"lead:EQ-_a:7", b"https://a.example/?t=EQ-_a&x"])
def test_a_click_counts_where_its_id_stands_alone(value: bytes) -> None:
    assert Names([], ["EQ-_a"]).in_bytes(value)
    assert not Names([], ["EQ-_a"]).in_bytes(value.replace(b"EQ", b"-EQ"))
    assert not Names([], ["EQ-_a"]).in_bytes(value.replace(b"_a", b"_ab"))


def test_nobody_is_in_nothing() -> None:
    assert not Names([]).in_bytes(b"c1")
    assert not Names([""]).in_bytes(b"c1")
