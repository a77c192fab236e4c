"""What a worker that died left undone, made up for from raw rows: nothing of it is decided again.

Raw rows from the committed offset C to the last one R are read back with their credit. Customers whose row is behind
take them in, `attributed` is told once more, and the windows they touched are counted again.
"""

from typing import Final

from faust.types import TP

from schemas.conversions import Conversion
from schemas.erasure import ERASED
from schemas.topics import CONVERSIONS
from stream.aggregate.conversions import ConversionPartition, ConversionRow
from stream.aggregate.partition import NEVER, Partition, Recovered
from stream.sink import conversion_windows, recount
from stream.sink.conversions import read_back
from stream.worker.attributed import Attributed, records
from stream.worker.conversion_path import own_touch
from stream.worker.customers import Customers
from stream.worker.erased import customers_in
from stream.worker.recovery import Position
from stream.worker.sink import Sink

_OFFSETS_AT_ONCE: Final = 10_000


async def catch_up(
    partition: int, position: Position, customers: Customers, sink: Sink, attributed: Attributed
) -> None:
    """Bring customers and `attributed` up to the raw rows."""
    reach = position.reach.offset
    for first in range(position.committed, reach + 1, _OFFSETS_AT_ONCE):
        last = min(first + _OFFSETS_AT_ONCE - 1, reach)
        raw = await sink.ask("read_back", lambda ch, a=first, b=last: read_back(ch, partition, a, b))  # type: ignore[misc] # bound now
        mine = [one for one in raw if one.event.get("customer_id") and not _carried_out(one.event)]
        await customers.load(customers_in([one.event for one in mine]))
        for one in mine:
            customers.apply(one.event, one.time_ms, one.offset, own_touch(one.credit))
        await customers.write()
        await attributed.send(records(raw, partition))


def _carried_out(event: Conversion) -> bool:
    """Whether this is an erasure whose own row was made anonymous, long after the states had moved with it."""
    return event["type"] == ERASED and "properties" not in event


async def recover_windows(tp: TP, position: Position, grace_ms: int, oldest_ms: int, sink: Sink) -> ConversionPartition:
    """Windows as raw rows say they are, as `recovery.recover_windows` has it for clicks."""
    number, reach = tp.partition, position.reach.offset
    arrival = position.reach.append_ms if reach >= 0 else NEVER
    since = Partition(grace_ms, Recovered(arrival=arrival)).closed_before
    rows: list[ConversionRow] = []
    touched: list[int] = []
    if reach >= 0:
        found = await sink.ask("open_windows", lambda ch: conversion_windows.open_windows(ch, number, since, reach))
        before = await sink.ask("written", lambda ch: conversion_windows.written_since(ch, number, since))
        customers = {row.key: seen for row, seen in found}
        complete = conversion_windows.complete([row for row, _ in found], before)
        rows = [ConversionRow.restored(row, customers.get(row.key, set())) for row in complete]
    if reach >= position.committed:
        touched = await sink.ask(
            "touched", lambda ch: recount.touched(ch, CONVERSIONS, number, position.committed, reach)
        )
    return ConversionPartition(
        grace_ms,
        Recovered(
            reach=reach,
            committed=position.committed,
            arrival=arrival,
            rows=rows,
            touched=[start for start in touched if start >= oldest_ms],
        ),
    )
