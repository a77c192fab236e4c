"""Plain HTTP to a warehouse, for what a client library hides."""

import httpx

from tests.support.warehouse import Warehouse


def writer(warehouse: Warehouse) -> httpx.Client:
    """A client with the writer's credentials and no headers of its own wish."""
    return httpx.Client(
        base_url=warehouse.url,
        auth=(warehouse.user, warehouse.password),
        headers={"Accept-Encoding": "identity"},
        timeout=60,
    )


def reader(warehouse: Warehouse) -> httpx.Client:
    """The same for the BI user."""
    return httpx.Client(
        base_url=warehouse.url,
        auth=(warehouse.bi_user, warehouse.bi_password),
        headers={"Accept-Encoding": "identity"},
        timeout=60,
    )
