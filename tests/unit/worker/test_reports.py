from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from aiokafka.errors import KafkaError
from faust.types import TP
from prometheus_client import REGISTRY

from stream.base import metrics
from stream.base.errors import GuidestreamError, InvariantError, UnavailableError
from stream.base.settings import load
from stream.worker import reports
from stream.worker.reports import Reports

NOW_MS = 1_795_147_200_000
WRONG = [UnavailableError("down"), GuidestreamError("code 241"), InvariantError("?"), KafkaError(), TimeoutError()]


class Lanes:
    """A pipeline whose lanes are those of `partitions`."""

    def __init__(self, *partitions: int) -> None:
        self.partitions = partitions
        self.ends: Any = {TP("clicks", number): (0, 9) for number in range(4)}

    def click_lanes(self) -> list[Any]:
        windows = SimpleNamespace(open_rows=0, late={})
        return [
            SimpleNamespace(tp=TP("clicks", number), ready=True, next_offset=5, consumer=self, windows=windows)
            for number in self.partitions
        ]

    window_lanes = click_lanes

    async def bounds(self, *_: TP) -> Any:
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends

    @property
    def lanes(self) -> dict[TP, Any]:
        return {lane.tp: lane for lane in self.click_lanes()}


@pytest.fixture
def audited(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What audits find, one after the other; an exception is raised."""
    found: list[Any] = []

    async def audit(*_: Any, **__: Any) -> Any:
        answer = found.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(difference=answer, lines=list, by_topic=lambda: {"clicks": answer, "conversions": 0})

    @asynccontextmanager
    async def open_log(_: Any) -> AsyncIterator[None]:
        yield

    monkeypatch.setattr(reports, "audit", audit)
    monkeypatch.setattr(reports, "open_log", open_log)
    yield found
    for gauge in (metrics.AUDIT_DIFFERENCE, metrics.AUDIT_TIME, metrics.LAG_EVENTS):
        gauge.clear()


def reports_of(lanes: Any) -> Reports:
    return Reports(load({}), lanes, [Mock()], Mock(), lambda: NOW_MS)


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"guidestream_{name}", labels)


async def test_only_the_worker_that_audits_now_shows_what_was_found(audited: list[Any]) -> None:
    lanes = Lanes(1, 2)
    one = reports_of(lanes)
    await one.show()
    await one.audit()
    assert shown("audit_timestamp_seconds", topic="clicks") is None

    lanes.partitions = (0, 1)
    await one.show()
    assert shown("audit_difference", topic="clicks") is None
    assert shown("audit_timestamp_seconds", topic="clicks") == NOW_MS / 1000
    audited.append(7)
    await one.audit()
    assert shown("audit_difference", topic="clicks") == 7

    lanes.partitions = (1,)
    await one.show()
    assert shown("audit_difference", topic="clicks") is None
    assert shown("audit_timestamp_seconds", topic="clicks") is None


async def test_an_audit_that_ends_when_the_partition_is_gone_shows_nothing(
    audited: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = Lanes(0)
    one = reports_of(lanes)

    async def audit(*_: Any, **__: Any) -> Any:
        lanes.partitions = ()
        return SimpleNamespace(difference=7, lines=list, by_topic=lambda: {"clicks": 7})

    monkeypatch.setattr(reports, "audit", audit)
    await one.audit()
    assert shown("audit_difference", topic="clicks") is None


@pytest.mark.parametrize("error", WRONG, ids=repr)
async def test_no_failed_audit_ends_the_worker(audited: list[Any], error: Exception) -> None:
    one = reports_of(Lanes(0))
    audited += [3, error]
    await one.audit()
    await one.audit()
    assert shown("audit_difference", topic="clicks") == 3


@pytest.mark.parametrize("error", WRONG, ids=repr)
async def test_no_failed_question_for_the_lag_ends_the_worker(audited: list[Any], error: Exception) -> None:
    lanes = Lanes(1)
    one = reports_of(lanes)
    await one.lag()
    assert shown("lag_events", topic="clicks", partition="1") == 4
    lanes.ends = error
    await one.lag()
    assert shown("lag_events", topic="clicks", partition="1") == 4


async def test_partitions_that_are_gone_have_no_lag_here(audited: list[Any]) -> None:
    lanes = Lanes(1)
    one = reports_of(lanes)
    await one.lag()
    lanes.partitions = ()
    await one.lag()
    assert shown("lag_events", topic="clicks", partition="1") is None
