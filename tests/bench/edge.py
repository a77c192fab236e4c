"""Redirects of one edge process, the whole job done (rules, token, spool, Kafka), beside one nginx worker.

nginx returns the same kind of 302 for every path and writes a JSON access log. Both answer the same load in turn on the
same cores; what the edge's shipper and the broker take from them counts against the edge.
"""

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from schemas.registry import Variant
from stream.base.settings import load
from stream.base.topics import ensure_topics
from stream.registry.writer import Writer
from tests.bench.load import Load, Wrk
from tests.support.broker import start, stop, wait_ready
from tests.support.edge import EdgeProcess, edge_process
from tests.support.registry import guide, owned, store, writes

_LINKS: Final = 2000
_ROUNDS: Final = 5
_SECONDS: Final = 3.0
_CONNECTIONS: Final = (64, 256, 1024)
"""Clients at once, from one that is quiet to one that is busy: what a process does best with depends on it."""
_NGINX: Final = """
worker_processes 1;
daemon off;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
  log_format click escape=json '{{"ts":$msec,"ip":"$remote_addr","link":"$uri","query":"$args","ua":"$http_user_agent",'
    '"lang":"$http_accept_language","ref":"$http_referer","cookie":"$http_cookie","status":$status,"id":"$request_id"}}';
  keepalive_requests 100000000;
  client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=2048;
    access_log {directory}/access.json click;
    location / {{ return 302 https://shop.example.com/p/1?utm_source=wecom&utm_campaign=spring&ct=$request_id; }}
  }}
}}
"""


def main() -> None:
    """Run and print."""
    with tempfile.TemporaryDirectory() as name, _broker(Path(name)) as bootstrap:
        directory = Path(name)
        environ = {
            "GUIDESTREAM_DATA_DIR": str(directory / "edge"),
            "GUIDESTREAM_KAFKA_BOOTSTRAP": bootstrap,
            "GUIDESTREAM_EDGE_PORT": "0",
            "GUIDESTREAM_EDGE_ADMIN_PORT": "0",
        }
        paths = asyncio.run(_register(environ))
        wrk = Wrk(directory, paths)
        with edge_process(environ) as edge, _nginx(directory) as nginx:
            _compare(edge, nginx, wrk)


def _compare(edge: EdgeProcess, nginx: str, wrk: Wrk) -> None:
    ratios: dict[int, list[float]] = {clients: [] for clients in _CONNECTIONS}
    wrk.run(edge.url, seconds=1, connections=_CONNECTIONS[0])
    for _ in range(_ROUNDS):
        for clients, seen in ratios.items():
            ours = wrk.run(edge.url, seconds=_SECONDS, connections=clients)
            theirs = wrk.run(nginx, seconds=_SECONDS, connections=clients)
            seen.append(ours.rate / theirs.rate)
            print(
                f"{clients:>4} clients: edge {_shown(ours)}   nginx {_shown(theirs)}   ratio {seen[-1]:.2f}", flush=True
            )
    every = [ratio for seen in ratios.values() for ratio in seen]
    started = time.perf_counter()
    while (state := _metrics(edge))["shipped"] < state["appended"]:
        time.sleep(0.1)
    print(
        "edge / nginx, medians (lowest): "
        + ", ".join(
            f"{clients} clients {statistics.median(seen):.3f} ({min(seen):.3f})" for clients, seen in ratios.items()
        )
        + f"; of all {statistics.median(every):.3f} (wanted: 0.5)\n"
        f"handler {state['seconds'] / state['count'] * 1e6:.1f} us a request\n"
        f"kept {state['appended']:,.0f}, in Kafka {state['shipped']:,.0f} within "
        f"{time.perf_counter() - started:.1f} s of the end, dropped {state['dropped']:,.0f}; "
        f"load of this machine {os.getloadavg()[0]:.1f}"
    )


def _shown(load: Load) -> str:
    errors = f", {load.errors} ERRORS" if load.errors else ""
    return f"{load.rate:>7,.0f}/s (p50 {load.p50_ms:.2f} ms, p99 {load.p99_ms:.2f} ms{errors})"


def _metrics(edge: EdgeProcess) -> dict[str, float]:
    names = {
        "appended": "guidestream_spool_appended_total",
        "shipped": "guidestream_spool_shipped_total",
        "dropped": "guidestream_spool_dropped_total",
        "seconds": "guidestream_edge_request_seconds_sum",
        "count": "guidestream_edge_request_seconds_count",
    }
    lines = httpx.get(f"{edge.admin}/metrics", trust_env=False).text.splitlines()
    return {
        short: sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
        for short, name in names.items()
    }


async def _register(environ: dict[str, str]) -> list[str]:
    """Links as they are in life: most have no rule, one in five has some."""
    settings = load(environ)
    await ensure_topics(settings)
    links = [owned("g1", f"link{number}", number, **_rules(number)) for number in range(1, _LINKS + 1)]
    await Writer(settings).change(writes(store(), guide(), *links))
    return [f"/{made.code}" for made in links]


def _rules(number: int) -> dict[str, Any]:
    utm = (("utm_source", "wecom"), ("utm_campaign", "双十一"))
    url = f"https://shop.example.com/p/{number}"
    if number % 5:
        return {"url": url, "utm": utm, "touchpoint": "wecom_chat"}
    arms = (Variant("a", 1, f"{url}?v=a"), Variant("b", 1, f"{url}?v=b"))
    return {"url": url, "utm": utm, "variants": arms, "platforms": ("wechat", "mobile"), "hours": (0, 1440)}


@contextmanager
def _broker(directory: Path) -> Iterator[str]:
    environ = {"GUIDESTREAM_DATA_DIR": str(directory / "broker"), "GUIDESTREAM_BROKER_PORT": "0"}
    log = directory / "broker.log"
    process = start("broker", environ, log)
    try:
        running = wait_ready(process, load(environ), "broker", log)
        yield f"{running.host}:{running.port}"
    finally:
        stop(process)


@contextmanager
def _nginx(directory: Path) -> Iterator[str]:
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = directory / "nginx.conf"
    config.write_text(_NGINX.format(directory=directory, port=port), encoding="utf-8")
    # Without -e it would write to a place of its own before it has read the configuration.
    process = subprocess.Popen([program, "-e", str(directory / "error.log"), "-c", str(config)])
    try:
        url = f"http://127.0.0.1:{port}"
        _answers(url)
        yield url
    finally:
        stop(process)


def _answers(url: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 302:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise TimeoutError(f"{url} does not answer")


if __name__ == "__main__":
    main()
