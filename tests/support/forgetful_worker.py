"""A worker whose every third insert is in while its answer is lost: `python -m tests.support.forgetful_worker`.

As after a time-out: nobody knows whether the rows are there, and the same block is sent again.
"""

import itertools
from typing import Any

from stream.base.errors import UnavailableError
from stream.cli.main import run
from stream.sink.clickhouse import ClickHouse


def _lose_answers() -> None:
    real, calls = ClickHouse.insert, itertools.count(1)

    async def insert(self: ClickHouse, *args: Any, **kwargs: Any) -> None:
        await real(self, *args, **kwargs)
        if next(calls) % 3 == 0:
            raise UnavailableError("the answer was lost on its way")

    ClickHouse.insert = insert  # type: ignore[method-assign] # a fault from outside


if __name__ == "__main__":
    _lose_answers()
    run()
