"""Builders of registry values for tests, and the plainest plan."""

from collections.abc import Callable
from typing import Any

from schemas.registry import Guide, Link, Owner, Record, Removed, Store, encode_record
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded


def link(code: str = "a8Xk2Pq", number: int = 1, **fields: Any) -> Link:
    """A link with everything that a link must have."""
    return Link(**{"code": code, "number": number, "kind": "web", "url": "https://shop.example.com/p/1", **fields})


def owned(guide_id: str, code: str = "a8Xk2Pq", number: int = 1, **fields: Any) -> Link:
    """A link that this guide owns since ever."""
    return link(code, number, owners=(Owner(guide_id, 0),), **fields)


def guide(id_: str = "g1", store_id: str = "s1", **fields: Any) -> Guide:
    """A guide."""
    return Guide(**{"id": id_, "name": "张三", "store_id": store_id, **fields})


def store(id_: str = "s1", **fields: Any) -> Store:
    """A store."""
    return Store(**{"id": id_, "name": "南京西路店", "region_id": "east", "region_name": "华东", **fields})


def writes(*records: Record | Removed) -> Callable[[Snapshot], tuple[Encoded, None]]:
    """A plan that writes these records, whatever is there."""
    encoded = [encode_record(record) for record in records]
    return lambda _: (encoded, None)
