"""`guidestream import` of an orders file through Kafka, beside a plain script that sends a row at a time.

The script is what people write first: csv.DictReader, json.dumps, one send per row, no check, nothing on disk.
"""

import asyncio
import csv
import json
import logging
import os
import resource
import subprocess
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaProducer

from schemas.topics import CONVERSIONS
from stream.base.kafka import client_options
from stream.base.settings import PREFIX, Settings, load
from stream.base.topics import ensure_topics
from tests.support.broker import start, stop, wait_ready
from tests.support.imports import HEAD, csv_text, order, workbook

ROWS = int(os.environ.get("BENCH_ROWS", "400000"))
SHEET_ROWS = ROWS // 4


def main() -> None:
    """Run it all and print one line a figure."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with TemporaryDirectory(prefix="bench-imports-") as name:
        directory = Path(name)
        files = _files(directory)
        environ = {"GUIDESTREAM_DATA_DIR": name, "GUIDESTREAM_BROKER_PORT": "0"}
        process = start("broker", environ, directory / "broker.log")
        try:
            running = wait_ready(process, load(environ), "broker", directory / "broker.log")
            environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] = f"{running.host}:{running.port}"
            settings = load(environ)
            asyncio.run(ensure_topics(settings))
            for what, file, rows in files:
                _command(what, file, rows, environ)
            _command("CSV, dry run", files[0][1], ROWS, environ, "--dry-run")
            asyncio.run(_script(files[0][1], settings))
        finally:
            stop(process)


def _files(directory: Path) -> list[tuple[str, Path, int]]:
    rows = [order(number) for number in range(ROWS)]
    csv_file, chinese = directory / "orders.csv", directory / "orders-gb.csv"
    csv_file.write_text(csv_text(rows), encoding="utf-8")
    chinese.write_text(csv_text(rows), encoding="gb18030")
    cells = [list(row.values()) for row in rows[:SHEET_ROWS]]
    book = workbook(directory / "orders.xlsx", [HEAD.split(","), *cells])
    return [("CSV", csv_file, ROWS), ("CSV in GB18030", chinese, ROWS), ("XLSX", book, SHEET_ROWS)]


def _command(what: str, file: Path, rows: int, environ: dict[str, str], *more: str) -> None:
    """The whole command, from its start to the last acknowledgement."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "stream", "import", str(file), "--kind", "orders", "--json", *more]
    done = subprocess.run(command, env=inherited | environ, capture_output=True, check=True)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = json.loads(done.stdout)
    assert (said["accepted"], said["problems"], said["waiting_bytes"]) == (rows, 0, 0), said
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    _print(f"{what}, rows/s until Kafka has all", rows / took)
    _print("  CPU of it and its shipper, us a row", cpu / rows * 1e6)


async def _script(file: Path, settings: Settings) -> None:
    producer = AIOKafkaProducer(**client_options(settings.kafka), linger_ms=20)
    await producer.start()
    rows = ROWS // 10  # it takes long
    began = time.perf_counter()
    with file.open(encoding="utf-8", newline="") as text:
        for row, _ in zip(csv.DictReader(text), range(rows), strict=False):
            event = {
                "v": 1,
                "event_id": f"order_paid:{row['订单号']}",
                "type": "order_paid",
                "occurred_at": int(datetime.fromisoformat(row["付款时间"] + "+08:00").timestamp() * 1000),
                "order_id": row["订单号"],
                "amount": str(Decimal(row["实付金额"])),
                "customer_id": row["客户ID"],
                "guide_id": row["导购ID"],
            }
            value = json.dumps(event, ensure_ascii=False).encode()
            await producer.send(settings.topic(CONVERSIONS), value, key=row["客户ID"].encode())
    await producer.flush()
    _print("plain script, rows/s", rows / (time.perf_counter() - began))
    await producer.stop()


def _print(what: str, value: float) -> None:
    print(f"{what:<52}{value:>12,.1f}", flush=True)
