"""What the embedded broker says when something is wrong."""

from pathlib import Path

import pytest

from stream.base.errors import UnavailableError
from stream.embedded.broker.config import Node, server_properties
from stream.embedded.broker.node import MIN_FREE_BYTES, check_space, last_words, new_cluster_id


@pytest.fixture
def node(tmp_path: Path) -> Node:
    (tmp_path / "logs").mkdir()
    return Node(tmp_path, port=9092, controller_port=9093)


def test_a_full_disk_is_refused_with_the_setting_to_change(tmp_path: Path) -> None:
    check_space(tmp_path, MIN_FREE_BYTES)
    with pytest.raises(UnavailableError, match=r"has 255 MiB left.*GUIDESTREAM_DATA_DIR"):
        check_space(tmp_path, MIN_FREE_BYTES - 1)


def test_last_words_are_the_errors_of_the_log_and_the_way_out(node: Node) -> None:
    (node.logs / "kafka.log").write_text(
        "2026-01-01 INFO all is well\n"
        "2026-01-01 ERROR Error while appending records (LogDirFailureChannel)\n"
        "java.io.IOException: No space left on device\n"
        "2026-01-01 INFO shutting down\n",
        encoding="utf-8",
    )
    words = last_words(node)
    assert "Error while appending records" in words
    assert "all is well" not in words
    assert "GUIDESTREAM_DATA_DIR" in words
    assert str(node.logs) in words


def test_last_words_are_the_last_lines_when_none_is_an_error(node: Node) -> None:
    (node.logs / "stdout.log").write_bytes(b"Unrecognized option: -XX:Nonsense\n\xff\n")
    assert "Unrecognized option" in last_words(node)


def test_last_words_of_a_node_that_left_none_still_name_the_place(node: Node) -> None:
    assert str(node.logs) in last_words(node)


def test_a_cluster_id_never_looks_like_an_option() -> None:
    drawn = iter([b"\xf8" + bytes(15), b"\xfb" + bytes(15), bytes(16)])
    assert new_cluster_id(lambda: next(drawn)) == "A" * 22


def test_every_address_in_the_configuration_is_the_loopback_one() -> None:
    lines = server_properties(9092, 9093).splitlines()
    addresses = [line for line in lines if "9092" in line or "9093" in line]
    assert len(addresses) == 3
    assert all("127.0.0.1" in line for line in addresses)
