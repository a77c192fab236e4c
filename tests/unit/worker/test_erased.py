from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from schemas.attribution import Credit
from schemas.conversions import Conversion
from schemas.erasure import CUSTOMER, VISITOR, erased_event
from schemas.person_hashes import PersonKeys
from stream.aggregate.conversions import ConversionPartition, ConversionTally, Counting
from stream.aggregate.partition import Recovered
from stream.attribute.erasures import Erasures
from stream.sink.rows import Duplicate
from stream.worker.erased import Piece, Renamed, customers_in, cuts, leave_windows

KEYS = PersonKeys(1, {1: b"k" * 32, 0: b"o" * 32})
PSEUDONYM = "erased:" + "0f" * 16
AT_MS = 1_700_000_000_000


class Decoded(NamedTuple):
    event: Conversion
    offset: int


def erased(kind: str = CUSTOMER) -> Conversion:
    return erased_event(kind, "c1", PSEUDONYM, AT_MS, "e", KEYS)


def lead(event_id: str = "l", **more: object) -> Conversion:
    made: Conversion = {"v": 1, "event_id": event_id, "type": "lead", "occurred_at": AT_MS, **more}  # type: ignore[typeddict-item] # the test's own fields
    return made


def events(kinds: str) -> list[Decoded]:
    """L: a lead, E: an erasure, at offsets from 10 on."""
    return [Decoded(erased() if kind == "E" else lead(), 10 + place) for place, kind in enumerate(kinds)]


@pytest.mark.parametrize(
    ("kinds", "repeated", "expected"),
    [
        ("LL", [], []),
        ("ELL", [], []),
        ("LELLE", [], [11, 14]),
        ("LEEEL", [], [11]),  # one run of the command
        ("LELELE", [11, 15], [13]),
        ("LEEL", [11], [12]),
        ("E" * 50, range(50), []),
    ],
)
def test_a_batch_is_cut_before_erasures_that_are_no_duplicates(
    kinds: str, repeated: Sequence[int], expected: list[int]
) -> None:
    assert cuts(events(kinds), repeated) == expected


def test_a_piece_has_the_records_events_and_rejects_between_two_offsets() -> None:
    batch = Piece([SimpleNamespace(offset=offset) for offset in range(10, 15)], events("LLL"), [])
    piece = batch.between(11, 13)
    assert [one.offset for one in piece.records] == [one.offset for one in piece.events] == [11, 12]


def test_rows_of_a_renamed_event_are_found_under_its_id_and_under_every_word_for_it() -> None:
    known = Erasures(KEYS, new_pseudonym=lambda: PSEUDONYM)
    known.learn(erased())
    came, other = Decoded(lead("lead:c1:1", customer_id="c1"), 1), Decoded(lead(), 2)
    renamed = Renamed.of([came, other], [Decoded(known.rewritten(came.event, AT_MS), 1), other], known)
    assert renamed.words == set(known.ids_of("lead:c1:1"))
    [new, old] = known.ids_of("lead:c1:1")
    rows = renamed.rows({"lead:c1:1": [(0, 1)], old: [(1, 7)], new: [(0, 3)], "l": [(5, 5)]})
    assert rows["lead:c1:1"] == [(0, 1), (0, 3), (1, 7)]
    assert rows["l"] == [(5, 5)]
    [note] = renamed.duplicates([Duplicate(9, "lead:c1:1", 0, 1)], {})
    assert note == Duplicate(9, new, 0, 1)


def test_an_event_that_is_kept_as_it_came_is_noted_under_the_word_that_its_row_is_under() -> None:
    known = Erasures(KEYS, new_pseudonym=lambda: PSEUDONYM)
    known.learn(erased())
    came = Decoded(lead("lead:c1:1", customer_id="c1"), 9)  # of after the erasure, or from while it was made
    renamed = Renamed.of([came], [came], known)
    [_, old] = known.ids_of("lead:c1:1")
    note = Duplicate(9, "lead:c1:1", 1, 7)
    assert renamed.duplicates([note], {old: [(1, 7)]}) == [Duplicate(9, old, 1, 7)]
    assert renamed.duplicates([note], {"lead:c1:1": [(1, 7)]}) == [note]


def test_the_pseudonyms_state_is_needed_beside_that_of_the_customer() -> None:
    assert customers_in([lead(customer_id="c2"), erased()]) == {"c2", "c1", PSEUDONYM}
    assert customers_in([erased(VISITOR)]) == set()


def test_open_windows_count_somebody_who_comes_back_as_somebody_new() -> None:
    windows = ConversionPartition(30_000, Recovered())

    def take(*customers: str, first: int) -> None:
        tally = ConversionTally()
        counted = [Counting("lead", customer, 0, 0) for customer in customers]
        tally.count(
            counted, [AT_MS] * len(counted), range(first, first + len(counted)), [Credit("none", 0.0)] * len(counted)
        )
        windows.apply(tally, next_offset=first + len(counted), arrival_ms=AT_MS)

    take("c1", "c2", first=0)
    leave_windows(erased(), windows)
    take("c1", first=2)
    [row] = windows.begin_flush().rows
    assert row.customers == 3
