"""What the batched transport assumes about the inside of Faust and of aiokafka: each line here is used there."""

import inspect
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import aiokafka
import faust
from faust.agents.agent import Agent
from faust.app.base import App
from faust.streams import Stream
from faust.tables import TableManager
from faust.tables.recovery import Recovery
from faust.transport import by_url
from faust.transport.consumer import Consumer, ThreadDelegateConsumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from stream.worker import transport


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]


def test_it_was_proven_with_this_version_of_faust() -> None:
    assert version("faust-streaming") == "0.15.3"


def test_the_scheme_of_the_brokers_url_chooses_it() -> None:
    assert by_url("guidestream://127.0.0.1:9092") is transport.Transport


def test_what_it_overrides_is_there_and_is_called_as_before() -> None:
    assert parameters(ThreadDelegateConsumer._getmany) == ["self", "active_partitions", "timeout"]
    assert parameters(driver.Consumer._to_message) == ["self", "tp", "record"]
    assert parameters(Consumer._add_gap) == ["self", "tp", "offset_from", "offset_to"]
    assert parameters(Consumer._filter_tps_with_pending_acks) == ["self", "topics"]
    assert parameters(Consumer._new_offset) == ["self", "tp"]
    assert parameters(Consumer._should_commit) == ["self", "tp", "offset"]
    assert parameters(ThreadDelegateConsumer._commit) == ["self", "offsets"]
    assert parameters(Consumer.perform_seek) == ["self"]
    assert parameters(driver.Consumer._new_consumer_thread) == ["self"]
    assert parameters(driver.AIOKafkaConsumerThread._create_worker_consumer) == ["self", "transport"]
    assert parameters(App.on_rebalance_end) == ["self"]
    assert "noack" in vars(Stream)


def test_the_threads_calls_that_it_makes_are_there() -> None:
    thread = driver.AIOKafkaConsumerThread
    assert parameters(thread.seek_wait) == ["self", "partitions"]
    assert parameters(thread.getmany) == ["self", "active_partitions", "timeout"]
    assert parameters(thread.earliest_offsets) == ["self", "partitions"]
    assert parameters(thread.highwaters) == ["self", "partitions"]
    assert parameters(thread.call_thread)[:2] == ["self", "fun"]


def test_fetch_options_can_be_set_before_the_client_starts() -> None:
    source = inspect.getsource(aiokafka.AIOKafkaConsumer.__init__)
    assert "self._fetch_max_wait_ms = " in source
    assert "self._isolation_level = " in source
    source = inspect.getsource(aiokafka.AIOKafkaConsumer.start)
    assert "self._fetch_max_wait_ms" in source
    assert "self._isolation_level" in source


def test_faust_still_hard_codes_how_long_a_fetch_waits() -> None:
    assert "fetch_max_wait_ms=1500" in inspect.getsource(driver.AIOKafkaConsumerThread._create_worker_consumer)


async def test_faust_still_counts_a_message_into_the_gap_before_it() -> None:
    tp, gaps = TP("t", 0), MagicMock()
    consumer: Any = SimpleNamespace(_committed_offset={tp: 4}, _gap={tp: gaps})
    await Consumer._add_gap(consumer, tp, 5, 9)
    gaps.addi.assert_called_once_with(5, 10)  # the end is not part of the interval


def test_a_rebalance_ends_with_resumed_flow_a_running_fetcher_and_only_then_our_call() -> None:
    source = inspect.getsource(Recovery._resume_streams)
    steps = ["perform_seek", "consumer.resume_flow()", "_fetcher.maybe_start()", "app.on_rebalance_end()"]
    places = [source.index(step) for step in steps]
    assert places == sorted(places)


def test_an_agent_that_fails_would_be_restarted_and_go_on() -> None:
    assert "self.supervisor.wakeup()" in inspect.getsource(Agent._execute_actor)


def test_revoked_partitions_are_announced_after_the_flow_stopped() -> None:
    source = inspect.getsource(App._on_partitions_revoked)
    assert source.index("stop_flow") < source.index("self.on_partitions_revoked.send")


def test_faust_still_takes_a_failed_commit_for_done() -> None:
    source = inspect.getsource(Consumer._commit_offsets)
    asked = source.index("did_commit = await self._commit(")
    assert "\n        self._committed_offset.update(committable_offsets)" in source[asked:]


def test_a_missing_commit_is_not_rewound_by_faust_so_positions_are_ours() -> None:
    assert "seek_to_committed" in inspect.getsource(Consumer.perform_seek)
    assert "seek_to_committed" not in inspect.getsource(transport.Consumer.perform_seek)


def test_faust_sleeps_for_tables_once_at_the_start_and_we_do_not() -> None:
    source = inspect.getsource(TableManager)
    assert source.count("self.sleep(") == 1
    assert "await self.sleep(1.0)" in inspect.getsource(TableManager.on_start)


def test_the_app_has_no_web_server() -> None:
    strategy = faust.App.BootStrategy
    assert parameters(strategy._should_enable_web) == ["self"]
