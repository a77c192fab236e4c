"""Kafka's class path: each jar resolved by its Maven coordinate with jgo, once for this user.

`kafka.lock` pins every jar with its SHA-256, so a half-finished download, a damaged file or a changed one is found
before a JVM starts, thrown away and fetched again; and a start without network needs nothing but the cache.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from stream.base import log
from stream.base.errors import UnavailableError

_WAITS_S = (1, 4, 15)
"""Pauses between tries: long enough for a proxy or a mirror to recover, short enough to watch."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    coordinate: str
    sha256: str
    size: int

    def path(self, cache: Path) -> Path:
        """Where a Maven repository at `cache` keeps it."""
        group, artifact, version = self.coordinate.split(":")
        return cache.joinpath(*group.split("."), artifact, version, f"{artifact}-{version}.jar")

    def is_intact(self, cache: Path) -> bool:
        """Whether the file is there, whole and the very one that the lock names."""
        path = self.path(cache)
        try:
            if path.stat().st_size != self.size:
                return False
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256
        except OSError:
            return False


Fetch = Callable[[str, Path], None]
"""Puts the jar of a coordinate into the Maven repository at a path; raises whatever it likes when it cannot."""


def locked() -> tuple[Jar, ...]:
    """The jars of `kafka.lock`, in class path order."""
    lines = files("stream.embedded.broker").joinpath("kafka.lock").read_text("utf-8").splitlines()
    return tuple(
        Jar(coordinate, sha256, int(size)) for coordinate, sha256, size in (line.split() for line in lines if line)
    )


def default_cache() -> Path:
    """The per-user cache: all checkouts, data directories and test runs share it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "guidestream" / "maven"


def class_path(
    cache: Path,
    *,
    jars: tuple[Jar, ...] | None = None,
    fetch: Fetch | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Path, ...]:
    """The jars on disk, all intact; fetches what is not, one process at a time.

    Raises:
        UnavailableError: some could not be fetched after several tries; says which and what to do.
    """
    wanted = locked() if jars is None else jars
    missing = _broken(wanted, cache)
    if missing:
        with _one_at_a_time(cache):
            _fetch_all(_broken(wanted, cache), cache, fetch or _fetch_with_jgo, sleep)
    return tuple(jar.path(cache) for jar in wanted)


def _broken(jars: tuple[Jar, ...], cache: Path) -> tuple[Jar, ...]:
    return tuple(jar for jar in jars if not jar.is_intact(cache))


def _fetch_all(missing: tuple[Jar, ...], cache: Path, fetch: Fetch, sleep: Callable[[float], None]) -> None:
    problems: list[str] = []
    for wait_s in (*_WAITS_S, None):
        if not missing:
            return
        mib = sum(jar.size for jar in missing) / 2**20
        _log.info("fetching Kafka", jars=len(missing), mib=round(mib), into=str(cache))
        with ThreadPoolExecutor(max_workers=4) as pool:
            results = pool.map(lambda jar: _fetch_one(jar, cache, fetch), missing)
            problems = [problem for problem in results if problem]
        missing = _broken(missing, cache)
        if missing and wait_s is not None:
            _log.warning("fetching Kafka failed, trying again", first_problem=problems[0], wait_s=wait_s)
            sleep(wait_s)
    if missing:
        raise UnavailableError(
            f"{len(missing)} jars of Kafka could not be fetched into {cache}:\n  "
            + "\n  ".join(problems[:3])
            + "\nThe first start needs network access to a Maven repository (HTTPS_PROXY is respected); try again, copy"
            " that directory from a machine where it worked, or point GUIDESTREAM_KAFKA_BOOTSTRAP at a Kafka of yours."
        )


def _fetch_one(jar: Jar, cache: Path, fetch: Fetch) -> str:
    """What went wrong, or an empty string."""
    path = jar.path(cache)
    path.unlink(missing_ok=True)  # a half-made one would be taken for whole
    try:
        fetch(jar.coordinate, cache)
    except Exception as error:  # noqa: BLE001 - jgo and its HTTP client raise many kinds; each means "not fetched"
        return f"{jar.coordinate}: {str(error)[:300]}"
    return "" if jar.is_intact(cache) else f"{jar.coordinate}: what came is not what kafka.lock names"


def _fetch_with_jgo(coordinate: str, cache: Path) -> None:
    from jgo.maven import MavenContext  # noqa: PLC0415 - needed once in the life of a machine

    MavenContext(repo_cache=cache, timeout=30).create_dependency(coordinate).artifact.resolve()


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
