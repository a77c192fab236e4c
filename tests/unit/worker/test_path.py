import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.click_record import read_click
from schemas.clicks import decode_click
from schemas.rejects import Reject
from schemas.windows import window_of
from stream.aggregate.partition import Partition, Recovered
from stream.base.errors import InvariantError, RejectLimitError
from stream.enrich.clicks import ClickEnricher
from stream.sink.rows import ClickEncoder, DeadLetter, Duplicate
from stream.worker.fates import Fates, RejectLimit
from stream.worker.lease import Lease
from stream.worker.path import ClickPath, decode
from stream.worker.refusal import Refusal
from tests.support.events import AT_MS, click, encode
from tests.support.poison import FUTURE_MS, corpus

MARKED = [("retransmitted", b"1")]


def record(offset: int, value: bytes | None, *, headers: Any = (), timestamp: int = AT_MS, kind: int = 1) -> Any:
    return SimpleNamespace(
        topic="clicks",
        offset=offset,
        value=value,
        key=b"k",
        timestamp=timestamp,
        timestamp_type=kind,
        headers=headers,
    )


class Port:
    """A sink and dead letters in one, which keep in order what they were handed."""

    def __init__(self) -> None:
        self.effects: list[Any] = []
        self.rows_known: dict[str, list[tuple[int, int]]] = {}

    async def known(self, table: str, ids: Any) -> dict[str, list[tuple[int, int]]]:
        self.effects.append(("known", table, list(ids)))
        return self.rows_known

    async def insert(self, table: str, _columns: Any, block: bytes, token: str) -> None:
        assert block
        self.effects.append(("insert", table, token))

    async def write(
        self, topic: str, partition: int, rejected: list[DeadLetter], duplicates: list[Duplicate], _received_ms: int
    ) -> None:
        reasons = [letter.reason for letter in rejected]
        if rejected or duplicates:
            self.effects.append(("dead letters", topic, partition, reasons, [one.offset for one in duplicates]))


def a_path(port: Any, *, limit: RejectLimit | None = None) -> ClickPath:
    return ClickPath(
        future_ms=FUTURE_MS,
        enricher=ClickEnricher.open(),
        encoder=ClickEncoder(),
        sink=port,
        dead_letters=port,
        reject_limit=limit or RejectLimit(1.0, 1_000_000, Refusal(Path("/nowhere"))),
        clock=lambda: AT_MS + 1_000,
    )


async def take(port: Port, records: list[Any], **kwargs: Any) -> Partition:
    windows = Partition(30_000, Recovered())
    await a_path(port, **kwargs).take(records, 2, windows, Fates("clicks", 2))
    return windows


def test_both_ways_of_reading_a_click_agree_on_poison() -> None:
    for name, value, reason in corpus():
        for read in (read_click, decode_click):
            with pytest.raises(Reject) as caught:
                read(value, AT_MS, FUTURE_MS)
            assert caught.value.reason == reason, name


def test_both_ways_of_reading_a_click_agree_on_good_ones() -> None:
    for fields in (click(), click(guide=None, utm_source=None, ref=None), click() | {"newer": {"x": [1]}}):
        quick = read_click(encode(fields), AT_MS, 0)
        careful: dict[str, Any] = dict(decode_click(encode(fields), AT_MS, 0))
        assert {name: getattr(quick, name) for name in careful if name != "v"} == {
            name: value for name, value in careful.items() if name != "v"
        }


def test_a_time_ahead_of_the_broker_is_set_back_and_counted() -> None:
    good, ahead = encode(click()), encode(click(ts=AT_MS + 5))
    quick = decode([record(1, good), record(2, ahead)], FUTURE_MS)
    careful = decode([record(1, good), record(2, ahead), record(3, b"x")], FUTURE_MS)
    for batch in (quick, careful):
        assert batch.times == [AT_MS, AT_MS]
        assert batch.clamped == 1
        assert batch.offsets == [1, 2]
    assert [letter.offset for letter in careful.rejected] == [3]


def test_a_header_that_is_no_text_rejects_its_record_alone() -> None:
    good = encode(click())
    unreadable = record(2, good, headers=[*MARKED, ("n\udcff", b"x")])
    batch = decode([record(1, good), unreadable, record(3, good, headers=MARKED)], FUTURE_MS)
    assert batch.offsets == [1, 3]
    assert batch.retransmitted == [False, True]
    (letter,) = batch.rejected
    assert (letter.offset, letter.reason, letter.value) == (2, "unreadable", good)
    assert letter.headers == [("retransmitted", b"1"), (r"n\xff", b"x")]


async def test_dead_letters_go_before_raw_rows_and_windows_come_last() -> None:
    port = Port()
    windows = await take(port, [record(5, encode(click())), record(6, None), record(7, encode(click()))])
    assert port.effects == [
        ("dead letters", "clicks", 2, ["null"], []),
        ("insert", "clicks", "clicks:2:5-7:2"),
    ]
    assert windows.next == 8
    (rows,) = windows.windows.values()
    assert [row.clicks for row in rows.values()] == [2]


async def test_a_batch_without_a_good_click_writes_no_rows_and_is_done_all_the_same() -> None:
    port = Port()
    windows = await take(port, [record(5, b"{")])
    assert port.effects == [("dead letters", "clicks", 2, ["not_json"], [])]
    windows.end_flush(windows.begin_flush())
    assert windows.settle() == 6


async def test_only_what_was_sent_again_is_looked_up() -> None:
    port = Port()
    first, again = "a" * 30, "b" * 30
    port.rows_known = {again: [(2, 1)]}
    windows = await take(
        port,
        [
            record(5, encode(click(id=first))),
            record(6, encode(click(id=first)), headers=MARKED),
            record(7, encode(click(id=again)), headers=MARKED),
            record(8, encode(click(id="c" * 30)), headers=MARKED),
        ],
    )
    assert port.effects == [
        ("known", "clicks", [first, again, "c" * 30]),
        ("dead letters", "clicks", 2, [], [6, 7]),
        ("insert", "clicks", "clicks:2:5-8:2"),
    ]
    assert sum(row.clicks for rows in windows.windows.values() for row in rows.values()) == 2


async def test_a_worker_over_its_reject_limit_writes_nothing(tmp_path: Path) -> None:
    port = Port()
    limit = RejectLimit(0.4, 2, Refusal(tmp_path / "refused"))
    with pytest.raises(RejectLimitError):
        await take(port, [record(5, b"{"), record(6, encode(click()))], limit=limit)
    assert port.effects == []


async def test_a_topic_with_its_producers_clock_is_refused() -> None:
    with pytest.raises(InvariantError, match="LogAppendTime"):
        await take(Port(), [record(5, encode(click()), kind=0)])


async def test_a_late_click_marks_its_window() -> None:
    windows = Partition(30_000, Recovered(arrival=AT_MS + 600_000))
    await a_path(Port()).take([record(0, encode(click()))], 2, windows, Fates("clicks", 2))
    assert list(windows.late) == [window_of(AT_MS)]


def test_a_lease_ends_when_the_loop_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("stream.worker.lease.monotonic", lambda: now)
    lease = Lease(10.0)
    now += 9
    lease.check()
    lease.tick()
    now += 9
    lease.check()
    now += 2
    with pytest.raises(InvariantError, match="stood still"):
        lease.tick()
