"""What runs on one machine: ports, order, which parts are somebody else's."""

import socket
from pathlib import Path

import pytest

from stream.base.settings import Settings, load
from stream.embedded.machine import processes
from stream.embedded.ports import reachable, uses_broker, uses_warehouse, with_free_ports
from stream.embedded.prometheus import configuration, program, rule_files
from stream.embedded.supervisor import Supervisor

ZERO = {
    f"GUIDESTREAM_{name}": "0"
    for name in (
        "BROKER_PORT",
        "WAREHOUSE_PORT",
        "EDGE_PORT",
        "EDGE_ADMIN_PORT",
        "API_PORT",
        "API_ADMIN_PORT",
        "WORKER_METRICS_PORT",
        "PROMETHEUS_PORT",
    )
}


def _ports(settings: Settings) -> list[int]:
    return [
        settings.broker.port,
        settings.warehouse.port,
        settings.edge.port,
        settings.edge.admin_port,
        settings.api.port,
        settings.api.admin_port,
        settings.worker.metrics_port,
        settings.prometheus.port,
    ]


def test_every_port_0_becomes_a_free_one_and_addresses_follow() -> None:
    settings = with_free_ports(load(ZERO))
    ports = _ports(settings)
    assert len(set(ports)) == len(ZERO)
    assert min(ports) > 1023
    assert settings.kafka.bootstrap == f"127.0.0.1:{settings.broker.port}"
    assert settings.clickhouse.url == f"http://127.0.0.1:{settings.warehouse.port}"
    assert settings.edge.public_url == f"http://127.0.0.1:{settings.edge.port}"
    with socket.create_server(("127.0.0.1", settings.edge.port)):
        pass  # it is free


def test_ports_that_are_set_stay() -> None:
    settings = with_free_ports(
        load({"GUIDESTREAM_BROKER_PORT": "19092", "GUIDESTREAM_EDGE_PUBLIC_URL": "https://s.cn"})
    )
    assert _ports(settings) == [19092, 8123, 8080, 9108, 8000, 9110, 9109, 9090]
    assert settings.kafka.bootstrap == "127.0.0.1:19092"
    assert settings.edge.public_url == "https://s.cn"


def test_somebody_elses_kafka_and_clickhouse_keep_their_addresses_and_none_is_started() -> None:
    settings = with_free_ports(
        load(
            ZERO
            | {
                "GUIDESTREAM_KAFKA_BOOTSTRAP": "kafka-1:9092,kafka-2:9092",
                "GUIDESTREAM_CLICKHOUSE_URL": "https://clickhouse:8443",
            }
        )
    )
    assert settings.kafka.bootstrap == "kafka-1:9092,kafka-2:9092"
    assert settings.clickhouse.url == "https://clickhouse:8443"
    assert not uses_broker(settings)
    assert not uses_warehouse(settings)
    names = [process.name for process in processes(settings)]
    assert names == ["topics", "migrate", "edge", "api", "worker"]


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("127.0.0.1", "127.0.0.1:9"),
        ("0.0.0.0", "127.0.0.1:9"),  # noqa: S104 - nothing is bound
        ("::", "[::1]:9"),
        ("10.0.0.5", "10.0.0.5:9"),
    ],
)
def test_an_address_that_means_all_is_reached_by_the_loopback_one(host: str, reached: str) -> None:
    assert reachable(host, 9) == reached


def test_processes_come_up_in_an_order_that_works(tmp_path: Path) -> None:
    settings = with_free_ports(load(ZERO | {"GUIDESTREAM_DATA_DIR": str(tmp_path)}))
    found = processes(settings, prometheus_program=Path("/usr/bin/prometheus"))
    assert [process.name for process in found] == [
        "broker",
        "warehouse",
        "topics",
        "migrate",
        "edge",
        "api",
        "worker",
        "prometheus",
    ]
    assert [process.name for process in found if process.once] == ["topics", "migrate"]
    Supervisor(found)  # takes the order
    edge = next(process for process in found if process.name == "edge")
    assert edge.environ["GUIDESTREAM_KAFKA_BOOTSTRAP"] == f"127.0.0.1:{settings.broker.port}"
    assert edge.stop_s > settings.edge.drain_ms / 1000


def test_children_get_these_settings_and_none_of_the_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUIDESTREAM_WORKER_GROUP", "another")
    (edge,) = (process for process in processes(load({})) if process.name == "edge")
    assert not any(name.startswith("GUIDESTREAM_") for name in edge.environ)


def test_an_edge_with_a_number_and_a_worker_with_an_instance_are_known_by_them() -> None:
    found = processes(load({"GUIDESTREAM_EDGE_NUMBER": "3", "GUIDESTREAM_WORKER_INSTANCE": "b"}))
    assert {"edge-3", "worker-b"} < {process.name for process in found}


def test_the_only_worker_of_an_embedded_broker_keeps_its_place_in_the_group() -> None:
    def instance(**environ: str) -> str | None:
        (worker,) = (process for process in processes(load(environ)) if process.name.startswith("worker"))
        return worker.environ.get("GUIDESTREAM_WORKER_INSTANCE")

    assert instance() == "worker"
    assert instance(GUIDESTREAM_WORKER_INSTANCE="b") == "b"
    assert instance(GUIDESTREAM_KAFKA_BOOTSTRAP="kafka-1:9092") is None  # other machines have workers, too


def test_prometheus_is_wanted_only_where_it_is_found(tmp_path: Path) -> None:
    assert program(load({"GUIDESTREAM_PROMETHEUS_PROGRAM": ""})) is None
    assert program(load({"GUIDESTREAM_PROMETHEUS_PROGRAM": "no-such-program"})) is None
    own = tmp_path / "prometheus"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    assert program(load({"GUIDESTREAM_PROMETHEUS_PROGRAM": str(own)})) == own


def test_prometheus_scrapes_each_process_as_a_job_of_its_name() -> None:
    settings = with_free_ports(load(ZERO))
    found = configuration(settings, (Path("/规则/a.yml"),))
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in found["scrape_configs"]}
    with_metrics = {
        section: getattr(getattr(settings, section), field)
        for section, model in Settings.model_fields.items()
        for field in getattr(model.annotation, "model_fields", ())
        if field in {"admin_port", "metrics_port"}
    }
    assert set(with_metrics) == {"edge", "worker", "api"}
    for process, port in with_metrics.items():
        assert targets[process] == [f"127.0.0.1:{port}"]
    assert found["rule_files"] == ["/规则/a.yml"]


def test_rule_files_hold_rules() -> None:
    assert all("groups:" in path.read_text("utf-8") for path in rule_files())
