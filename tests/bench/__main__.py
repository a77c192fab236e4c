"""`make bench`, or `python -m tests.bench NAME ...`: every benchmark, each beside its rival in the same run."""

import importlib
import sys
import time

BENCHES = {
    "worker": "whole path to ClickHouse beside plain Faust and a bare consumer loop",
    "api": "events of one API process as NDJSON beside a bare loop",
    "conversions": "whole path with a million customers beside plain Faust with a Table of them; late windows",
    "edge": "redirects of one edge process beside nginx",
    "pipeline": "tap to queryable and to gauge with everything on this machine; ready after kill -9",
    "soak": "memory over ten minutes of taps",
    "spool": "append beside a bare write, shipping beside a shipper in a thread",
    "imports": "an orders file through Kafka, beside a plain script",
    "registry": "a million links: ready, memory, look-ups",
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, all when none is named."""
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        print(f"no such benchmark: {', '.join(unknown)}; there are: {', '.join(BENCHES)}", file=sys.stderr)
        return 2
    for name in names or BENCHES:
        print(f"== {name}: {BENCHES[name]}", flush=True)
        started = time.perf_counter()
        importlib.import_module(f"tests.bench.{name}").main()
        print(f"-- {name} took {time.perf_counter() - started:.0f} s\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
