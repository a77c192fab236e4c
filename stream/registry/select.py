"""Which things of the registry a command means."""

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.registry import Guide, Link, Store, Thing
from stream.base.errors import InputError
from stream.registry.snapshot import Snapshot

FILTERS: Final[dict[str, dict[str, str]]] = {
    "store": {"region": "of this region"},
    "guide": {"store": "of this store", "region": "of this region"},
    "campaign": {},
    "link": {
        "guide": "owned by this guide now",
        "campaign": "of this campaign",
        "touchpoint": "shown at this touchpoint",
        "store": "whose guide works in this store",
        "region": "whose guide works in this region",
    },
}
"""Filter -> what is left, by kind; all kinds also have `find` and `disabled`."""
COMMON: Final = {
    "find": "with this in id, code, name or address",
    "disabled": "yes: only disabled ones; no: only the others",
}


def select(state: Snapshot, kind: str, wanted: Mapping[str, str], now_ms: int) -> list[Thing]:
    """Things of a kind that pass every filter in `wanted`: links by number, all else by id.

    Raises:
        InputError: `disabled` is neither yes nor no.
    """
    if wanted.get("disabled", "no") not in ("yes", "no"):
        raise InputError("give yes or no", field="disabled")
    found = [
        thing for thing in _all(state, kind) if all(_passes(thing, state, item, now_ms) for item in wanted.items())
    ]
    return sorted(found, key=lambda thing: (thing.number, "") if isinstance(thing, Link) else (0, thing.id))


def _all(state: Snapshot, kind: str) -> Iterable[Thing]:
    match kind:
        case "store":
            return state.stores.values()
        case "guide":
            return state.guides.values()
        case "campaign":
            return state.campaigns.values()
        case _:
            return state.all_links()


def _passes(thing: Thing, state: Snapshot, item: tuple[str, str], now_ms: int) -> bool:
    name, value = item
    match name:
        case "find":
            return any(value.lower() in text.lower() for text in _texts(thing))
        case "disabled":
            return thing.disabled == (value == "yes")
        case "campaign":
            return isinstance(thing, Link) and thing.campaign_id == value
        case "touchpoint":
            return isinstance(thing, Link) and thing.touchpoint == value
        case "guide":
            return isinstance(thing, Link) and thing.owner_at(now_ms) == value
        case _:
            store = _store(thing, state, now_ms)
            return store is not None and value == (store.id if name == "store" else store.region_id)


def _texts(thing: Thing) -> tuple[str, ...]:
    return (thing.code, thing.url) if isinstance(thing, Link) else (thing.id, thing.name)


def _store(thing: Thing, state: Snapshot, now_ms: int) -> Store | None:
    """The store itself, the store of a guide, the store of a link's guide."""
    if isinstance(thing, Link):
        owner = state.guide(thing.owner_at(now_ms))
        return state.store(owner.store_id) if owner else None
    if isinstance(thing, Guide):
        return state.store(thing.store_id)
    return thing if isinstance(thing, Store) else None
