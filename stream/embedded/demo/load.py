"""The demo brand into the registry, once: what is there already stays as it is."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

from schemas.registry import Link, Thing
from stream.base.clock import wall_clock
from stream.base.errors import GuidestreamError
from stream.base.settings import Settings
from stream.embedded.demo.brand import DemoBrand
from stream.registry.api_keys import SECRET_BYTES, key_text, new_key, plan_add, plan_delete
from stream.registry.changes import Changes, Kind, find
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded, Plan, Writer


async def load_brand(settings: Settings, brand: DemoBrand) -> None:
    """Write what is new of the brand, first what others refer to.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    writer = Writer(settings)
    await writer.change(_additions("store", brand.stores))
    await writer.change(_additions("guide", brand.guides))
    await writer.change(_additions("campaign", brand.campaigns))
    await writer.change(_additions("link", brand.links))


@asynccontextmanager
async def temporary_key(settings: Settings, id_: str) -> AsyncIterator[str]:
    """An API key that may hand in events, deleted on leaving; its text.

    Raises:
        UnavailableError: Kafka does not answer.
    """
    writer = Writer(settings)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    await writer.change(plan_add(new_key(id_, "guidestream demo", ["events:write"], secret, wall_clock())))
    try:
        yield key_text(id_, secret)
    finally:
        with suppress(GuidestreamError):  # the broker may be gone by now, and the key with it
            await writer.change(plan_delete([id_]))


def _additions(kind: Kind, things: Sequence[Thing]) -> Plan[None]:
    def plan(state: Snapshot) -> tuple[Encoded, None]:
        changes = Changes(state, wall_clock())
        for thing in things:
            if find(state, kind, thing.code if isinstance(thing, Link) else thing.id) is None:
                _, _, problems = changes.put(None, thing)
                if problems:
                    raise problems[0]
        return changes.records(), None

    return plan
