"""The parts of a worker, put together in one place."""

from dataclasses import dataclass
from typing import Any

from faust.types import TP

from schemas.topics import CLICKS, CONVERSIONS, REGISTRY
from stream.attribute.credit import LookBack
from stream.base.clock import Clock
from stream.base.person_keys import person_keys
from stream.base.settings import Settings
from stream.base.token_keys import token_keys
from stream.enrich.clicks import ClickEnricher
from stream.sink.clickhouse import ClickHouse
from stream.sink.rows import ClickEncoder
from stream.worker.attributed import Attributed
from stream.worker.clicks import ClickLane
from stream.worker.clicks_before import ClicksBefore
from stream.worker.conversion_path import ConversionPath
from stream.worker.conversions import ConversionLane
from stream.worker.dead_letters import DeadLetters, Headers
from stream.worker.directory import Directory
from stream.worker.erased import ErasedPeople
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
from stream.worker.stage_gauges import StageGauges
from stream.worker.tokens import Tokens
from stream.worker.transport import Consumer
from stream.worker.window_kinds import ClickWindows, ConversionWindows


@dataclass(slots=True)
class Parts:
    """What the app is wired to."""

    pipeline: Pipeline
    reports: Reports
    publisher: "Publisher"
    attributed: Attributed


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
    stage_gauges = StageGauges(settings.brand.zone, clock)
    attributed = Attributed(settings)
    click_path = ClickPath(
        future_ms=worker.future_ms,
        enricher=ClickEnricher.open(settings.geo.city_file),
        encoder=ClickEncoder(),
        sink=sink,
        dead_letters=dead_letters,
        reject_limit=_reject_limit(settings, CLICKS),
        clock=clock,
    )
    conversion_path = _conversion_path(settings, sink, dead_letters, clock)
    click_windows, conversion_windows = ClickWindows(sink, gauges), ConversionWindows(sink, stage_gauges)

    def click_lane(tp: TP, epoch: int, consumer: Consumer) -> Lane:
        return ClickLane(
            tp,
            epoch,
            consumer,
            settings=settings,
            path=click_path,
            kind=click_windows,
            sink=sink,
            gauges=gauges,
            clock=clock,
        )

    def conversion_lane(tp: TP, epoch: int, consumer: Consumer) -> Lane:
        return ConversionLane(
            tp,
            epoch,
            consumer,
            settings=settings,
            path=conversion_path,
            kind=conversion_windows,
            sink=sink,
            attributed=attributed,
            gauges=stage_gauges,
            mirror=lambda: pipeline.lanes.get(TP(settings.topic(REGISTRY), 0)),
            clock=clock,
        )

    def registry_lane(tp: TP, epoch: int, consumer: Consumer) -> Lane:
        return RegistryLane(tp, epoch, consumer, pace_s=worker.batch_ms / 1000, sink=sink)

    makers = {
        settings.topic(CLICKS): click_lane,
        settings.topic(CONVERSIONS): conversion_lane,
        settings.topic(REGISTRY): registry_lane,
    }
    pipeline = Pipeline(makers, (gauges, stage_gauges), clock, fail)
    reports = Reports(settings, pipeline, (gauges, stage_gauges), clickhouse, clock)
    return Parts(pipeline, reports, publisher, attributed)


def _conversion_path(settings: Settings, sink: Sink, dead_letters: DeadLetters, clock: Clock) -> ConversionPath:
    attribution = settings.attribution
    lookback = LookBack.of(
        customer_days=attribution.customer_days,
        visitor_days=attribution.visitor_days,
        guide_minutes=attribution.guide_minutes,
    )
    directory = Directory(sink, clock)
    keys = person_keys(settings)
    return ConversionPath(
        currency=settings.brand.currency,
        future_ms=settings.worker.future_ms,
        lookback=lookback,
        person_keys=keys,
        tokens=Tokens(token_keys(settings).by_id, directory, sink),
        clicks=ClicksBefore(sink, lookback),
        directory=directory,
        erased=ErasedPeople(keys, sink),
        sink=sink,
        dead_letters=dead_letters,
        reject_limit=_reject_limit(settings, CONVERSIONS),
        clock=clock,
    )


def _reject_limit(settings: Settings, topic: str) -> RejectLimit:
    worker = settings.worker
    refusal = Refusal(settings.data.dir / "refused" / settings.topic(topic))
    return RejectLimit(worker.reject_limit, worker.reject_limit_events, refusal)
