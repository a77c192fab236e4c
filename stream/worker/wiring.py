"""The parts of a worker, put together in one place."""

from dataclasses import dataclass
from typing import Any

from faust.types import TP

from schemas.topics import CLICKS, CONVERSIONS, REGISTRY
from stream.base.clock import Clock
from stream.base.settings import Settings
from stream.enrich.clicks import ClickEnricher
from stream.sink.clickhouse import ClickHouse
from stream.sink.rows import ClickEncoder
from stream.worker.clicks import ClickLane
from stream.worker.conversions import ConversionLane
from stream.worker.dead_letters import DeadLetters, Headers
from stream.worker.fates import RejectLimit
from stream.worker.gauges import Gauges
from stream.worker.lane import Lane
from stream.worker.lease import Lease
from stream.worker.path import ClickPath
from stream.worker.pipeline import Fail, Pipeline
from stream.worker.refusal import Refusal
from stream.worker.registry import RegistryLane
from stream.worker.reports import Reports
from stream.worker.sink import Sink
from stream.worker.transport import Consumer


@dataclass(slots=True)
class Parts:
    """What the app is wired to."""

    pipeline: Pipeline
    reports: Reports
    publisher: "Publisher"


class Publisher:
    """Hands dead letters to the app's producer, which is there once the app is made."""

    def __init__(self) -> None:
        self.producer: Any = None
        self.topic = ""

    async def __call__(self, key: bytes | None, value: bytes | None, headers: Headers) -> Any:
        """Send one record; the result is a future of its acknowledgement."""
        return await self.producer().send(self.topic, key, value, None, None, headers)


def make_parts(settings: Settings, clickhouse: ClickHouse, lease: Lease, clock: Clock, fail: Fail) -> Parts:
    """A pipeline with all its lanes' kinds; nothing of it runs yet."""
    worker = settings.worker
    sink = Sink(clickhouse, lease)
    publisher = Publisher()
    dead_letters = DeadLetters(sink, publisher)
    gauges = Gauges(settings.brand.zone, worker.top_links, clock)
    click_path = ClickPath(
        future_ms=worker.future_ms,
        enricher=ClickEnricher.open(settings.geo.city_file),
        encoder=ClickEncoder(),
        sink=sink,
        dead_letters=dead_letters,
        reject_limit=_reject_limit(settings, CLICKS),
        clock=clock,
    )
    conversions_limit = _reject_limit(settings, CONVERSIONS)

    def click_lane(tp: TP, epoch: int, consumer: Consumer) -> Lane:
        return ClickLane(tp, epoch, consumer, settings=settings, path=click_path, sink=sink, gauges=gauges, clock=clock)

    def conversion_lane(tp: TP, epoch: int, consumer: Consumer) -> Lane:
        return ConversionLane(
            tp,
            epoch,
            consumer,
            settings=settings,
            sink=sink,
            dead_letters=dead_letters,
            reject_limit=conversions_limit,
            clock=clock,
        )

    def registry_lane(tp: TP, epoch: int, consumer: Consumer) -> Lane:
        return RegistryLane(tp, epoch, consumer, pace_s=worker.batch_ms / 1000, sink=sink)

    makers = {
        settings.topic(CLICKS): click_lane,
        settings.topic(CONVERSIONS): conversion_lane,
        settings.topic(REGISTRY): registry_lane,
    }
    pipeline = Pipeline(makers, sink, gauges, clock, fail)
    return Parts(pipeline, Reports(settings, pipeline, gauges, clickhouse, clock), publisher)


def _reject_limit(settings: Settings, topic: str) -> RejectLimit:
    worker = settings.worker
    refusal = Refusal(settings.data.dir / "refused" / settings.topic(topic))
    return RejectLimit(worker.reject_limit, worker.reject_limit_events, refusal)
