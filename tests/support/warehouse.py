"""The real ClickHouse engine, behind its HTTP interface, for the whole test session."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream.base.settings import load
from stream.embedded.lifeline import die_with_parent
from tests.support.broker import start, stop, wait_ready

USER, PASSWORD = "guidestream", "writer-secret"
BI_USER, BI_PASSWORD = "bi", "reader-secret"


@dataclass(frozen=True, slots=True)
class Warehouse:
    """A running warehouse and the two ways in."""

    url: str
    pid: int
    user: str = USER
    password: str = PASSWORD
    bi_user: str = BI_USER
    bi_password: str = BI_PASSWORD

    @property
    def environ(self) -> dict[str, str]:
        """The settings that lead here."""
        return {
            "GUIDESTREAM_CLICKHOUSE_URL": self.url,
            "GUIDESTREAM_CLICKHOUSE_USER": self.user,
            "GUIDESTREAM_CLICKHOUSE_PASSWORD": self.password,
            "GUIDESTREAM_CLICKHOUSE_BI_USER": self.bi_user,
            "GUIDESTREAM_CLICKHOUSE_BI_PASSWORD": self.bi_password,
        }


@contextmanager
def running(data_dir: Path, **environ: str) -> Iterator[Warehouse]:
    """Run `guidestream warehouse` on a free port, with its data below `data_dir`."""
    variables = _variables(data_dir) | environ
    data_dir.mkdir(parents=True, exist_ok=True)
    yield from _until_left(start("warehouse", variables, data_dir / "warehouse.log"), variables, data_dir)


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One warehouse for the session; a test isolates itself by the database that `environ` names."""
    data_dir = tmp_path_factory.mktemp("warehouse")
    variables = _variables(data_dir)
    with (data_dir / "warehouse.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.shared_warehouse", str(os.getpid())],
            env=os.environ | variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - the function calls prctl and returns
        )
    yield from _until_left(process, variables, data_dir)


def _variables(data_dir: Path) -> dict[str, str]:
    return {
        "GUIDESTREAM_DATA_DIR": str(data_dir),
        "GUIDESTREAM_WAREHOUSE_PORT": "0",
        "GUIDESTREAM_CLICKHOUSE_PASSWORD": PASSWORD,
        "GUIDESTREAM_CLICKHOUSE_BI_PASSWORD": BI_PASSWORD,
    }


def _until_left(process: subprocess.Popen[bytes], variables: dict[str, str], data_dir: Path) -> Iterator[Warehouse]:
    try:
        ready = wait_ready(process, load(variables), "warehouse", data_dir / "warehouse.log")
        yield Warehouse(f"http://127.0.0.1:{ready.port}", process.pid)
    finally:
        stop(process)
