from dataclasses import dataclass

from schemas.attribution import Credit
from schemas.conversions import Conversion
from schemas.erasure import CUSTOMER, VISITOR, erased_event
from schemas.person_hashes import PersonKeys
from stream.aggregate.conversions import ConversionPartition, ConversionTally, Counting
from stream.aggregate.partition import Recovered
from stream.worker.erased import customers_in, cut_at_erasures, leave_windows

KEYS = PersonKeys(1, {1: b"k" * 32})
PSEUDONYM = "erased:" + "0f" * 16
AT_MS = 1_700_000_000_000


@dataclass
class Record:
    value: bytes | None


def erased(kind: str = CUSTOMER) -> Conversion:
    return erased_event(kind, "c1", PSEUDONYM, AT_MS, "e", KEYS)


def cut(*values: bytes | None) -> list[list[bytes | None]]:
    return [[record.value for record in piece] for piece in cut_at_erasures([Record(value) for value in values])]


def test_a_batch_is_cut_before_each_erasure() -> None:
    mark = b'{"type":"erased"}'
    assert cut(b"a", mark, b"b", None, mark) == [[b"a"], [mark, b"b", None], [mark]]
    assert cut(mark, b"a") == [[mark, b"a"]]
    assert cut(b"a", b"b") == [[b"a", b"b"]]


def test_the_pseudonyms_state_is_needed_beside_that_of_the_customer() -> None:
    lead: Conversion = {"v": 1, "event_id": "l", "type": "lead", "occurred_at": AT_MS, "customer_id": "c2"}
    assert customers_in([lead, erased()]) == {"c2", "c1", PSEUDONYM}
    assert customers_in([erased(VISITOR)]) == set()


def test_open_windows_count_somebody_who_comes_back_as_somebody_new() -> None:
    windows = ConversionPartition(30_000, Recovered())

    def take(*customers: str, first: int) -> None:
        tally = ConversionTally()
        events = [Counting("lead", customer, 0, 0) for customer in customers]
        tally.count(
            events, [AT_MS] * len(events), range(first, first + len(events)), [Credit("none", 0.0)] * len(events)
        )
        windows.apply(tally, next_offset=first + len(events), arrival_ms=AT_MS)

    take("c1", "c2", first=0)
    leave_windows(erased(), windows)
    take("c1", first=2)
    [row] = windows.begin_flush().rows
    assert row.customers == 3
