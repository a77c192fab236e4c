"""The Faust app, made by a function: agents, timers, and the two moments of a rebalance. All else is the pipeline's."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
from faust.app.base import BootStrategy
from faust.tables import TableManager
from faust.types import TP

from schemas.topics import CLICKS, CONVERSIONS, DEAD_LETTERS, REGISTRY
from stream.base.kafka import client_options
from stream.base.settings import Settings
from stream.worker.pipeline import Fail, Pipeline
from stream.worker.transport import Transport
from stream.worker.wiring import Parts

SOURCES = (CLICKS, CONVERSIONS, REGISTRY)
_SHOW_S = 0.5
"""Gauges show what was written with the end of each flush; they move on with time while one is held up, too."""
_FETCH_BYTES = 2 * 1024 * 1024
"""Of one partition at a time. Each costs half a millisecond, however small: with 1 MiB a fifth of the throughput."""
_DECADE_S = 10 * 365 * 86_400


class _WithoutWeb(BootStrategy):
    """No web server: `web_enabled=False` alone still binds its port."""

    enable_web = False


class NoTables(TableManager):
    """There are none: Faust would wait a second at each start for some to be registered."""

    async def sleep(self, *_: Any, **__: Any) -> None:
        """Not at all; nothing but the start of this service sleeps."""


class App(faust.App):
    """Tells the pipeline when partitions come and go."""

    BootStrategy = _WithoutWeb
    pipeline: Pipeline

    async def on_first_start(self) -> None:
        """Nothing: Faust would make directories for tables, of which there are none."""

    def on_rebalance_end(self) -> None:
        """Called last of all in a rebalance: from here on fetching is possible."""
        super().on_rebalance_end()
        consumer: Any = self.consumer
        self.pipeline.begin({TP(*tp) for tp in consumer.assignment()}, consumer)


def make_app(settings: Settings, parts: Parts, fail: Fail, sources: Sequence[str] = SOURCES) -> App:
    """An app that has not been started; `sources` are topics without their prefix."""
    worker = settings.worker
    session_s = worker.session_ms / 1000
    app = App(
        worker.group,
        broker=[f"guidestream://{address}" for address in settings.kafka.bootstrap.split(",")],
        broker_credentials=_credentials(settings),
        autodiscover=False,
        TableManager=NoTables,
        # Only the pipeline commits, right after each flush; Faust's own timer is no more than a second chance.
        broker_commit_every=1 << 60,
        broker_commit_interval=10.0,
        broker_heartbeat_interval=session_s / 4,
        broker_session_timeout=session_s,
        broker_rebalance_timeout=60.0,
        broker_request_timeout=max(90.0, 2 * session_s),
        # While ClickHouse is down nothing is fetched, for as long as it takes; that must not cost the membership.
        broker_max_poll_interval=_DECADE_S,
        broker_max_poll_records=worker.max_batch,
        consumer_max_fetch_size=_FETCH_BYTES,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=worker.instance or None,
        # Batches, not messages: lanes hold what waits.
        stream_buffer_maxsize=8,
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        # The lease is ours; Faust only warns.
        stream_processing_timeout=86_400.0,
        broker_commit_livelock_soft_timeout=86_400.0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        producer_acks=-1,
        producer_max_request_size=2 * 1024 * 1024,
        producer_max_batch_size=256 * 1024,
        producer_request_timeout=60.0,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    pipeline = app.pipeline = parts.pipeline
    parts.publisher.topic = settings.topic(DEAD_LETTERS)
    parts.publisher.producer = lambda: app.producer
    Transport.fetch_wait_ms = worker.fetch_wait_ms
    for name in sources:
        app.agent(app.topic(settings.topic(name), value_serializer="raw"), name=name)(_agent(pipeline, fail))
    app.on_partitions_revoked.connect(_on_revoked(pipeline, session_s / 2))
    _timer(app, worker.flush_ms / 1000, "flush", _flush(parts), fail)
    _timer(app, worker.late_ms / 1000, "recount", pipeline.recount, fail)
    _timer(app, worker.flush_ms / 1000, "publish", pipeline.publish, fail)
    _timer(app, _SHOW_S, "show", parts.reports.show, fail)
    _timer(app, 5.0, "lag", parts.reports.lag, fail)
    _timer(app, float(worker.audit_seconds), "audit", parts.reports.audit, fail)
    return app


def _agent(pipeline: Pipeline, fail: Fail) -> Callable[[Any], Awaitable[None]]:
    async def take(stream: Any) -> None:
        # Faust acknowledges what an agent failed on; here nothing is acknowledged, lanes settle offsets.
        async for event in stream.noack().events():
            try:
                pipeline.offer(event.value)
            except Exception as error:  # noqa: BLE001 - Faust would restart the agent and go on
                fail(error)

    return take


def _on_revoked(pipeline: Pipeline, deadline_s: float) -> Callable[..., Awaitable[None]]:
    async def on_revoked(*_: Any, **__: Any) -> None:
        await pipeline.end(deadline_s)

    return on_revoked


def _flush(parts: Parts) -> Callable[[], Awaitable[None]]:
    async def flush() -> None:
        await parts.pipeline.flush()
        await parts.reports.show()

    return flush


def _timer(app: App, interval_s: float, name: str, act: Callable[[], Awaitable[None]], fail: Fail) -> None:
    async def tick() -> None:
        try:
            await act()
        except Exception as error:  # noqa: BLE001 - a timer that fails ends the process like anything else
            fail(error)

    tick.__name__ = name
    app.timer(interval=interval_s, name=name)(tick)


def _credentials(settings: Settings) -> Any:
    kafka = settings.kafka
    context = client_options(kafka).get("ssl_context")
    if kafka.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=kafka.sasl_mechanism,
            username=kafka.sasl_user,
            password=kafka.sasl_password.get_secret_value(),
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context else None
