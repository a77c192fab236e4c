"""Kafka's class path: what is fetched, what is fetched again, what is said when it cannot be."""

import hashlib
from pathlib import Path

import pytest

from stream.base.errors import UnavailableError
from stream.embedded.broker.jars import Jar, class_path, locked


def _jar(name: str) -> Jar:
    content = _content(f"org.example:{name}:1.0")
    return Jar(f"org.example:{name}:1.0", hashlib.sha256(content).hexdigest(), len(content))


def _content(coordinate: str) -> bytes:
    return b"jar of " + coordinate.encode()


JARS = (_jar("one"), _jar("two"), _jar("three"))


class Repository:
    """Serves every coordinate, after as many failures as told; the first `torn` deliveries are cut off."""

    def __init__(self, *, failures: int = 0, torn: int = 0) -> None:
        self.failures = failures
        self.torn = torn
        self.served: list[str] = []
        self.pauses: list[float] = []

    def fetch(self, coordinate: str, cache: Path) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the network is down")
        self.served.append(coordinate)
        jar = next(jar for jar in JARS if jar.coordinate == coordinate)
        path = jar.path(cache)
        assert not path.exists(), "jgo takes what is there for whole"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _content(coordinate)
        if self.torn:
            self.torn -= 1
            content = content[:5]
        path.write_bytes(content)

    def class_path(self, cache: Path) -> tuple[Path, ...]:
        return class_path(cache, jars=JARS, fetch=self.fetch, sleep=self.pauses.append)


def test_jars_are_fetched_once_in_class_path_order(tmp_path: Path) -> None:
    repository = Repository()
    paths = repository.class_path(tmp_path)
    assert [path.name for path in paths] == ["one-1.0.jar", "two-1.0.jar", "three-1.0.jar"]
    assert repository.class_path(tmp_path) == paths
    assert sorted(repository.served) == sorted(jar.coordinate for jar in JARS)


def test_missing_and_damaged_jars_are_fetched_again_and_no_others(tmp_path: Path) -> None:
    Repository().class_path(tmp_path)
    JARS[0].path(tmp_path).unlink()
    damaged = bytearray(JARS[1].path(tmp_path).read_bytes())
    damaged[3] ^= 1  # same length: only the checksum sees it
    JARS[1].path(tmp_path).write_bytes(damaged)
    repository = Repository()
    repository.class_path(tmp_path)
    assert sorted(repository.served) == ["org.example:one:1.0", "org.example:two:1.0"]
    assert all(jar.is_intact(tmp_path) for jar in JARS)


def test_a_download_that_was_cut_off_is_not_taken_for_whole(tmp_path: Path) -> None:
    repository = Repository(torn=2)
    repository.class_path(tmp_path)
    assert all(jar.is_intact(tmp_path) for jar in JARS)
    assert len(repository.served) == len(JARS) + 2


def test_a_failed_download_is_tried_again_with_growing_pauses(tmp_path: Path) -> None:
    repository = Repository(failures=7)  # of three jars: two whole rounds and one more
    repository.class_path(tmp_path)
    assert len(repository.pauses) == 3
    assert repository.pauses == sorted(repository.pauses)


def test_what_cannot_be_fetched_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as error:
        Repository(failures=1000).class_path(tmp_path)
    message = str(error.value)
    assert "org.example:two:1.0" in message
    assert "the network is down" in message
    assert str(tmp_path) in message
    assert "GUIDESTREAM_KAFKA_BOOTSTRAP" in message


def test_the_lock_pins_kafka_and_its_log_binding() -> None:
    coordinates = [jar.coordinate for jar in locked()]
    assert len(coordinates) == len(set(coordinates))
    assert "org.apache.kafka:kafka_2.13:4.3.1" in coordinates
    # Without a binding of slf4j Kafka writes no log at all.
    assert any(coordinate.startswith("org.apache.logging.log4j:log4j-slf4j-impl:") for coordinate in coordinates)
