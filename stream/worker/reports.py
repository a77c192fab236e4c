"""What a worker says about itself on its timers: gauges, lag, and the audit, which the owner of partition 0 runs."""

from collections.abc import Iterable
from typing import Any, Final

from aiokafka.errors import KafkaError

from stream.base import log, metrics
from stream.base.clock import Clock
from stream.base.errors import GuidestreamError
from stream.base.settings import Settings
from stream.sink import retention
from stream.sink.audit import TOPICS, audit
from stream.sink.clickhouse import ClickHouse
from stream.sink.kafka_log import open_log
from stream.worker.gauges import WindowGauges
from stream.worker.pipeline import Pipeline

_AUDITED_HOURS: Final = 2
"""`guidestream audit` looks at all there is; the timer at what may just have gone wrong."""
_NOT_NOW: Final = (GuidestreamError, KafkaError, OSError)
"""What a question to Kafka or ClickHouse may end with; a time-out is an OSError."""
_logger = log.get(__name__)


class Reports:
    """One per process. Nothing here ends the worker: what cannot be said now is said next time."""

    def __init__(
        self,
        settings: Settings,
        pipeline: Pipeline,
        gauges: Iterable[WindowGauges[Any]],
        clickhouse: ClickHouse,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._pipeline = pipeline
        self._gauges = tuple(gauges)
        self._clickhouse = clickhouse
        self._clock = clock
        self._lagging: set[tuple[str, str]] = set()
        self._was_auditor = False

    async def show(self) -> None:
        """Set the gauges that live in this process."""
        for gauges in self._gauges:
            gauges.show()
        lanes = self._pipeline.window_lanes()
        metrics.OPEN_WINDOWS.set(sum(lane.windows.open_rows for lane in lanes))
        metrics.LATE_WINDOWS.set(sum(len(lane.windows.late) for lane in lanes))
        self._show_auditor()

    async def lag(self) -> None:
        """Ask the broker where the topics end, and say how far behind this worker is."""
        lanes = [lane for lane in self._pipeline.lanes.values() if lane.ready]
        try:
            bounds = await lanes[0].consumer.bounds(*(lane.tp for lane in lanes)) if lanes else {}
        except _NOT_NOW as error:
            _logger.warning("lag unknown", error=str(error) or repr(error))
            return
        shown = set()
        for lane in lanes:
            labels = (lane.tp.topic.removeprefix(self._settings.kafka.topic_prefix), str(lane.tp.partition))
            metrics.LAG_EVENTS.labels(*labels).set(max(0, bounds[lane.tp][1] - lane.next_offset))
            shown.add(labels)
        for labels in self._lagging - shown:
            metrics.LAG_EVENTS.remove(*labels)
        self._lagging = shown

    def _is_auditor(self) -> bool:
        return any(lane.tp.partition == 0 for lane in self._pipeline.click_lanes())

    def _show_auditor(self) -> None:
        """Of all workers only the one that audits now says how it went; it begins with the time it took that over."""
        auditor = self._is_auditor()
        if auditor and not self._was_auditor:
            for topic in TOPICS:
                metrics.AUDIT_TIME.labels(topic).set(self._clock() / 1000)
        if not auditor:
            metrics.AUDIT_DIFFERENCE.clear()
            metrics.AUDIT_TIME.clear()
        self._was_auditor = auditor

    async def audit(self) -> None:
        """Recount the last hours and publish the difference."""
        if not self._is_auditor():
            return
        try:
            async with open_log(self._settings) as kafka:
                report = await audit(
                    self._clickhouse,
                    kafka,
                    now_ms=self._clock(),
                    hours=_AUDITED_HOURS,
                    kept_days=retention.kept_days(self._settings),
                )
        except _NOT_NOW as error:
            _logger.warning("no audit", error=str(error) or repr(error))
            return
        if self._is_auditor():  # still
            for topic, difference in report.by_topic().items():
                metrics.AUDIT_DIFFERENCE.labels(topic).set(difference)
                metrics.AUDIT_TIME.labels(topic).set(self._clock() / 1000)
        if report.difference:
            _logger.error("audit", difference=report.difference, report=report.lines())
