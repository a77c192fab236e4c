"""Ten minutes of taps: the worker's memory stays flat, because it grows with open windows and not with history."""

import asyncio
import tempfile
from pathlib import Path

import psutil

from tests.bench.pipeline import pipeline

RATE = 2_000
MINUTES = 10


async def _soak() -> None:
    with tempfile.TemporaryDirectory(prefix="guidestream-bench-") as name:
        async with pipeline(RATE, Path(name)) as running:
            for minute in range(1, MINUTES + 1):
                await asyncio.sleep(60)
                sizes = []
                for part in ("edge", "worker", "warehouse"):
                    pid = running.supervisor.pid(part)
                    assert pid is not None, f"{part} died"
                    sizes.append(f"{part} {psutil.Process(pid).memory_info().rss / 2**20:.0f} MiB")
                print(f"minute {minute}: {running.sender.ledger.answered} taps, {', '.join(sizes)}", flush=True)


def main() -> None:
    """Run it; eleven minutes."""
    asyncio.run(_soak())
