"""The writer's plans for single things: add, change, disable, transfer. `tables` and `bulk` have those for many."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from schemas.registry import Link, Thing
from stream.registry.changes import Changes, Fate, Kind
from stream.registry.fields import Patch
from stream.registry.select import select
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded, Plan

T = TypeVar("T")
Result = tuple[Thing, Fate]
"""A thing as it is now, and what became of it."""


def plan_add(kind: Kind, patch: Patch, now_ms: int) -> Plan[Thing]:
    """Add a thing; a link without a code gets one, and each its number."""
    return _plan(now_ms, lambda changes: changes.add(kind, patch))


def plan_update(kind: Kind, ids: Sequence[str], patch: Patch, now_ms: int) -> Plan[list[Result]]:
    """Change the same fields of things."""
    return _plan(now_ms, lambda changes: [changes.update(kind, id_, patch) for id_ in ids])


def plan_transfer(codes: Sequence[str], guide_id: str, from_ms: int, now_ms: int) -> Plan[list[Result]]:
    """Give links to another guide, or to nobody (empty), from a time on."""
    return _plan(now_ms, lambda changes: [changes.transfer(code, guide_id, from_ms) for code in codes])


def plan_handover(guide_id: str, successor_id: str, from_ms: int, now_ms: int) -> Plan[list[Result]]:
    """Give every link that a guide owns now to another."""

    def carry_out(changes: Changes) -> list[Result]:
        links = select(changes.state, "link", {"guide": guide_id}, now_ms)
        return [changes.transfer(link.code, successor_id, from_ms) for link in links if isinstance(link, Link)]

    return _plan(now_ms, carry_out)


def _plan(now_ms: int, carry_out: Callable[[Changes], T]) -> Plan[T]:
    def plan(state: Snapshot) -> tuple[Encoded, T]:
        changes = Changes(state, now_ms)
        told = carry_out(changes)
        return changes.records(), told

    return plan
