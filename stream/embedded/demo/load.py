"""The demo brand into the registry, once: what is there already stays as it is."""

from dataclasses import replace

from schemas.registry import Numbers, Record, encode_record
from stream.base.settings import Settings
from stream.embedded.demo.brand import DemoBrand
from stream.registry.snapshot import Snapshot
from stream.registry.writer import Encoded, Writer


async def load_brand(settings: Settings, brand: DemoBrand) -> int:
    """Write what is new of the brand as one change; returns the number of records written.

    Raises:
        UnavailableError: Kafka does not answer.
    """

    def plan(state: Snapshot) -> tuple[Encoded, int]:
        new: list[Record] = [one for one in brand.stores if state.store(one.id) is None]
        new += [one for one in brand.guides if state.guide(one.id) is None]
        new += [one for one in brand.campaigns if state.campaign(one.id) is None]
        links = [one for one in brand.links if state.resolve(one.code) is None]
        new += [replace(link, number=number) for number, link in enumerate(links, state.highest_number + 1)]
        if links:
            new.append(Numbers(state.highest_number + len(links)))
        return [encode_record(record) for record in new], len(new)

    return await Writer(settings).change(plan)
