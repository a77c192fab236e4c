"""Fixtures live in `tests.support`, one module per real part; this file only names them."""

import logging
from collections.abc import Iterator

import pytest
import structlog

pytest_plugins = [
    "tests.support.broker",
    "tests.support.warehouse",
    "tests.support.pipeline",
    "tests.support.private_broker",
    "tests.support.warehouse_schema",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many random seeds each fault test plays: a few in CI, many in `make faults`."""
    parser.addoption("--fault-seeds", type=int, default=2, help="random seeds per fault test")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `fault_seed` runs once per seed."""
    if "fault_seed" in metafunc.fixturenames:
        metafunc.parametrize("fault_seed", range(metafunc.config.getoption("--fault-seeds")))


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that a test calls sets up logging for its process, which is that of all tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)
