"""The warehouse process that all tests of a session share: its BI user reads the database of each of them."""

import asyncio
import sys

from stream.base import log
from stream.base.settings import load
from stream.embedded.warehouse import run

TESTS = 2000
"""Tests of one session that may have a database; `tests.support.pipeline` numbers them."""


def main(session_pid: str) -> None:
    """Run until SIGTERM; databases are named after the process of the test session."""
    settings = load()
    log.configure(process="warehouse", level=settings.log.level)
    asyncio.run(run.run(settings, bi_databases=[f"t{session_pid}_{number}" for number in range(TESTS)]))


if __name__ == "__main__":
    main(sys.argv[1])
