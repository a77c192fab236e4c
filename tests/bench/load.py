"""Load from wrk: many links, many visitors, each request prepared before the clock starts."""

import json
import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.support.edge import SAFARI, WECHAT

_REQUESTS: Final = 5000
_SCRIPT: Final = """
local requests = {}
local place = 0
init = function(args)
  for line in io.lines(args[1]) do
    local path, agent, cookie = line:match("([^\\t]*)\\t([^\\t]*)\\t([^\\t]*)")
    local headers = {["User-Agent"] = agent, ["Accept-Language"] = "zh-CN,zh;q=0.9", ["Accept"] = "text/html"}
    if cookie ~= "" then headers["Cookie"] = cookie end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end
request = function()
  place = place % #requests + 1
  return requests[place]
end
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "errors": %d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of wrk measured."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


class Wrk:
    """Taps on these paths: two in three by visitors with a cookie, some apps and browsers."""

    def __init__(self, directory: Path, paths: Sequence[str]) -> None:
        rng = random.Random(1)
        self._script, self._requests = directory / "load.lua", directory / "requests.tsv"
        self._script.write_text(_SCRIPT, encoding="utf-8")
        lines = []
        for _ in range(_REQUESTS):
            agent = rng.choice((WECHAT, SAFARI)).replace("17_5", f"17_{rng.randrange(40)}")
            cookie = f"gs_vid={rng.randbytes(12).hex()}" if rng.random() < 2 / 3 else ""
            lines.append(f"{rng.choice(paths)}\t{agent}\t{cookie}\n")
        self._requests.write_text("".join(lines), encoding="utf-8")

    def run(self, url: str, *, seconds: float, connections: int) -> Load:
        """One thread of wrk, for so long."""
        command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds:g}s"]
        command += ["--script", str(self._script), url, "--", str(self._requests)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return Load(**json.loads(output.splitlines()[-1]))
