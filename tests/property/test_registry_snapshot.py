"""A snapshot is a replay of the topic: however the records are batched, saved and loaded in between."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.registry import Link, Numbers, Record, Removed, Salt, record_key
from stream.registry import store
from stream.registry.snapshot import Builder, Mark, Snapshot
from tests.support.registry_strategies import links, records

few_codes = st.sampled_from(["a", "b", "aa", "Aa", "x-1"])
removals = st.builds(Removed, st.just("link"), few_codes)
histories = st.lists(links(few_codes) | records() | removals, max_size=30)


def replayed(history: list[Record | Removed], cuts: set[int]) -> list[Snapshot]:
    """Every snapshot on the way, one at each cut and one at the end."""
    builder, built = Builder(), []
    for offset, record in enumerate(history):
        if offset in cuts:
            built.append(builder.build(offset))
            if offset % 2:
                builder = Builder(built[-1])
        builder.add(record)
    return [*built, builder.build(len(history))]


@given(histories, st.sets(st.integers(0, 30)))
def test_batches_do_not_matter(history: list[Record | Removed], cuts: set[int]) -> None:
    assert replayed(history, cuts)[-1] == replayed(history, set())[0]


@given(histories, st.sets(st.integers(0, 30)))
def test_a_snapshot_stays_as_it_was_when_later_ones_are_built(history: list[Record | Removed], cuts: set[int]) -> None:
    for snapshot in replayed(history, cuts):
        assert snapshot == replayed(history[: snapshot.offset], set())[0]


@given(histories)
def test_it_holds_the_newest_of_each_thing(history: list[Record | Removed]) -> None:
    (snapshot,) = replayed(history, set())
    newest = {record_key(record): record for record in history}
    expected = {record.code: record for record in newest.values() if isinstance(record, Link)}
    assert {link.code: link for link in snapshot.all_links()} == expected
    assert snapshot.links == len(expected)
    assert all(snapshot.resolve(code) == link for code, link in expected.items())
    assert snapshot.resolve("never") is None
    assert snapshot.salts == {record.day: record.key for record in newest.values() if isinstance(record, Salt)}
    numbers = [record.number for record in history if isinstance(record, Link)]
    numbers += [record.highest for record in history if isinstance(record, Numbers)]
    assert snapshot.highest_number == max(numbers, default=0), "numbers of removed links count too"


@settings(max_examples=25)
@given(histories, st.dictionaries(st.just("2026-11-22"), st.binary(min_size=32, max_size=32)))
def test_the_file_gives_the_same_snapshot_back(history: list[Record | Removed], own: dict[str, bytes]) -> None:
    builder = Builder().add(*history)
    builder.own_salts = own
    snapshot = builder.build(len(history), Mark(3, 1_700_000_000_000, 42))
    with TemporaryDirectory() as directory:
        path = Path(directory) / "registry" / "snapshot"
        store.save(path, snapshot, saved_ms=5)
        assert store.load(path) == (snapshot, 5)
        assert [file.name for file in path.parent.iterdir()] == ["snapshot"], "nothing half-written is left"
