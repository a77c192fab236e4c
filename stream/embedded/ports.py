"""Free ports for the processes of one machine, known before any of them starts, so that each knows the others."""

import socket
from contextlib import ExitStack
from typing import Any, Final

from stream.base import runfile
from stream.base.settings import Settings

PORTS: Final = (
    ("broker", "port"),
    ("warehouse", "port"),
    ("edge", "port"),
    ("edge", "admin_port"),
    ("api", "port"),
    ("api", "admin_port"),
    ("worker", "metrics_port"),
    ("prometheus", "port"),
)
"""Every setting that is a port of a process of this machine: (section, field)."""


def with_free_ports(settings: Settings) -> Settings:
    """The settings with every port 0 replaced by a free one and the addresses that follow from ports.

    Those of an embedded broker and warehouse (see `uses_broker`, `uses_warehouse`), and what short links begin with
    unless that was set.
    """
    update: dict[str, dict[str, Any]] = {}
    with ExitStack() as held:  # all at once, or two of them might get the same
        for section, field in PORTS:
            if getattr(getattr(settings, section), field) == 0:
                probe = held.enter_context(socket.create_server(("127.0.0.1", 0)))
                update.setdefault(section, {})[field] = probe.getsockname()[1]
    found = _updated(settings, update)
    addresses: dict[str, dict[str, Any]] = {}
    if uses_broker(settings):
        addresses["kafka"] = {"bootstrap": f"127.0.0.1:{found.broker.port}"}
    if uses_warehouse(settings):
        addresses["clickhouse"] = {"url": f"http://{reachable(found.warehouse.host, found.warehouse.port)}"}
    if found.edge.public_url == _default("edge", "public_url"):
        addresses["edge"] = {"public_url": f"http://127.0.0.1:{found.edge.port}"}
    return _updated(found, addresses)


def reachable(host: str, port: int) -> str:
    """host:port at which this machine reaches what listens on an address, which may be one that means all of them."""
    host = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - the other way round
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def located(settings: Settings) -> Settings:
    """The settings with the addresses at which this machine's own broker and warehouse really run, by their run files.

    For commands beside a deployment that picked its ports itself.
    """
    addresses: dict[str, dict[str, Any]] = {}
    broker, warehouse = runfile.read(settings, "broker"), runfile.read(settings, "warehouse")
    if broker is not None and uses_broker(settings):
        addresses["kafka"] = {"bootstrap": f"{broker.host}:{broker.port}"}
    if warehouse is not None and uses_warehouse(settings):
        addresses["clickhouse"] = {"url": f"http://{reachable(warehouse.host, warehouse.port)}"}
    return _updated(settings, addresses)


def uses_broker(settings: Settings) -> bool:
    """Whether Kafka is the embedded one: its address is the default, or the embedded broker's own."""
    own = {f"{host}:{settings.broker.port}" for host in ("127.0.0.1", "localhost")}
    return settings.kafka.bootstrap in own | {_default("kafka", "bootstrap")}


def uses_warehouse(settings: Settings) -> bool:
    """Whether ClickHouse is the embedded one: its address is the default, or the embedded warehouse's own."""
    own = {f"http://{host}:{settings.warehouse.port}" for host in ("127.0.0.1", "localhost")}
    return settings.clickhouse.url in own | {_default("clickhouse", "url")}


def _default(section: str, field: str) -> str:
    return str(getattr(getattr(Settings(), section), field))


def _updated(settings: Settings, update: dict[str, dict[str, Any]]) -> Settings:
    return settings.model_copy(
        update={section: getattr(settings, section).model_copy(update=fields) for section, fields in update.items()}
    )
