"""The demo brand into the registry, once: what is there already stays as it is."""

from collections.abc import Sequence

from schemas.registry import Link, Thing
from stream.base.clock import wall_clock
from stream.base.settings import Settings
from stream.embedded.demo.brand import DemoBrand
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
