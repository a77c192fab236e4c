"""Settings of one test: its own topics, its own database, its own directory, free ports."""

import itertools
import os
from pathlib import Path

import pytest

from stream.base.settings import Settings, load

_number = itertools.count()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """GUIDESTREAM_* variables of this test alone; a process started with them disturbs no other test."""
    name = f"t{os.getpid()}_{next(_number)}"
    return {
        "GUIDESTREAM_DATA_DIR": str(tmp_path / "data"),
        "GUIDESTREAM_KAFKA_TOPIC_PREFIX": f"{name}-",
        "GUIDESTREAM_CLICKHOUSE_DATABASE": name,
        "GUIDESTREAM_WORKER_GROUP": f"{name}-worker",
        "GUIDESTREAM_TOKEN_KEYS": "1:" + "ab" * 32,
        "GUIDESTREAM_EDGE_PORT": "0",
        "GUIDESTREAM_EDGE_ADMIN_PORT": "0",
        "GUIDESTREAM_WORKER_METRICS_PORT": "0",
        "GUIDESTREAM_API_PORT": "0",
        "GUIDESTREAM_API_ADMIN_PORT": "0",
    }


@pytest.fixture
def settings(environ: dict[str, str]) -> Settings:
    """Settings without any peer: nothing listens where they point."""
    return load(environ)


@pytest.fixture
def kafka_settings(environ: dict[str, str], broker: str) -> Settings:
    """Settings with the real broker; topics of this test's prefix exist after `guidestream topics`."""
    environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = broker
    return load(environ)
