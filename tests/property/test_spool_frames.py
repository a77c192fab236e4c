"""Laws of the frames: what goes in comes out, and damage costs no more than what it touches."""

from hypothesis import given
from hypothesis import strategies as st

from stream.spool import frame

RECORDS = st.lists(
    st.tuples(st.binary(max_size=40), st.binary(max_size=300), st.integers(0, 2**63)), min_size=1, max_size=12
)
TEXTS = st.lists(
    st.tuples(st.text(max_size=10).map(str.encode), st.text(max_size=80).map(str.encode), st.integers(0, 2**63)),
    min_size=2,
    max_size=10,
)


def encoded(records: list[frame.Record]) -> bytes:
    return b"".join(frame.encode(*record) for record in records)


def is_subsequence(some: list[frame.Record], of: list[frame.Record]) -> bool:
    rest = iter(of)
    return all(record in rest for record in some)


@given(RECORDS)
def test_what_is_written_is_read(records: list[frame.Record]) -> None:
    data = encoded(records)
    assert frame.scan(data, final=True, skip=True) == frame.Scan(records, len(data))


@given(TEXTS, st.data())
def test_a_segment_torn_at_any_byte_keeps_every_whole_record(records: list[frame.Record], data: st.DataObject) -> None:
    whole = encoded(records)
    cut = data.draw(st.integers(0, len(whole)))
    found = frame.scan(whole[:cut], final=True, skip=True)
    kept = found.records
    assert kept == records[: len(kept)]
    assert len(encoded(records[: len(kept) + 1])) > cut or kept == records
    assert (found.used, found.damaged) == (cut, cut - len(encoded(kept)))


def test_one_record_torn_at_every_byte_is_damage_when_sealed_and_waited_for_when_not() -> None:
    first, torn = frame.encode(b"a", b"first", 1), frame.encode("导购".encode(), b"second", 2)
    for cut in range(len(torn)):
        sealed = frame.scan(first + torn[:cut], final=True, skip=True)
        assert (len(sealed.records), sealed.used, sealed.damaged) == (1, len(first) + cut, cut)
        live = frame.scan(first + torn[:cut], final=False, skip=False)
        assert (len(live.records), live.used, live.damaged, live.bad) == (1, len(first), 0, False)


@given(TEXTS, st.data())
def test_a_changed_byte_costs_one_record_at_most(records: list[frame.Record], data: st.DataObject) -> None:
    whole = bytearray(encoded(records))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found = frame.scan(bytes(whole), final=True, skip=True)
    assert found.used == len(whole)
    assert len(found.records) >= len(records) - 1
    assert is_subsequence(found.records, records)


@given(TEXTS, st.binary(max_size=200), st.data())
def test_junk_between_records_is_skipped_and_counted(
    records: list[frame.Record], junk: bytes, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(records)))
    found = frame.scan(encoded(records[:at]) + junk + encoded(records[at:]), final=True, skip=True)
    assert found.records == records
    assert found.damaged == len(junk)


@given(data=st.binary(max_size=2000), final=st.booleans(), skip=st.booleans())
def test_no_bytes_crash_it_and_every_byte_is_accounted_for(*, data: bytes, final: bool, skip: bool) -> None:
    found = frame.scan(data, final=final, skip=skip)
    assert found.used == found.damaged + len(encoded(found.records))
    assert found.used <= len(data)
    assert found.used == len(data) or not (final and skip)


@given(TEXTS, st.data())
def test_reading_in_two_windows_gives_the_same_records(records: list[frame.Record], data: st.DataObject) -> None:
    whole = encoded(records)
    cut = data.draw(st.integers(0, len(whole)))
    first = frame.scan(whole[:cut], final=False, skip=True)
    second = frame.scan(whole[first.used :], final=True, skip=True)
    assert first.records + second.records == records
    assert first.damaged + second.damaged == 0


@given(TEXTS)
def test_text_that_quotes_a_whole_segment_cannot_be_taken_for_one(records: list[frame.Record]) -> None:
    """A visitor's bytes reach the spool as UTF-8, which has no 0xFF."""
    quoted = encoded(records).decode("utf-8", "replace").encode()
    evil = frame.encode(b"k", quoted, 1)
    assert frame.scan(b"?" + evil[len(evil) - len(quoted) :], final=True, skip=True).records == []
