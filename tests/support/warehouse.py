"""The real ClickHouse engine, behind its HTTP interface, for the whole test session."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from stream.base.settings import load
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
    """Run a warehouse process of its own, on a free port, with its data below `data_dir`."""
    variables = {
        "GUIDESTREAM_DATA_DIR": str(data_dir),
        "GUIDESTREAM_WAREHOUSE_PORT": "0",
        "GUIDESTREAM_CLICKHOUSE_PASSWORD": PASSWORD,
        "GUIDESTREAM_CLICKHOUSE_BI_PASSWORD": BI_PASSWORD,
        **environ,
    }
    data_dir.mkdir(parents=True, exist_ok=True)
    log_file = data_dir / "warehouse.log"
    process = start("warehouse", variables, log_file)
    try:
        ready = wait_ready(process, load(variables), "warehouse", log_file)
        yield Warehouse(f"http://127.0.0.1:{ready.port}", process.pid)
    finally:
        stop(process)


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """One warehouse for the session; a test isolates itself by its database."""
    with running(tmp_path_factory.mktemp("warehouse")) as started:
        yield started
