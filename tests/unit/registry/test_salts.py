from schemas.registry import Removed, Salt, decode_record
from stream.registry import salts
from stream.registry.snapshot import Builder, Snapshot

DAY = 86_400_000
NOON = 1_795_348_800_000 - 1_795_348_800_000 % DAY + DAY // 2
TODAY, TOMORROW = salts.utc_day(NOON), salts.utc_day(NOON + DAY)
OLD = b"o" * 32


def with_salts(*days: str) -> Snapshot:
    return Builder().add(*(Salt(day, OLD) for day in days)).build()


def test_days_are_utc_days() -> None:
    assert (salts.utc_day(0), salts.utc_day(DAY - 1), salts.utc_day(DAY)) == ("1970-01-01", "1970-01-01", "1970-01-02")


def test_a_salt_is_gone_48_hours_after_its_day_ended() -> None:
    end = NOON + DAY // 2
    assert not salts.expired(TODAY, end + 2 * DAY - 1)
    assert salts.expired(TODAY, end + 2 * DAY)


def test_an_edge_makes_salts_of_its_own_for_days_the_topic_has_none_for() -> None:
    own = salts.own_salts(with_salts(TODAY), NOON)
    assert set(own) == {TOMORROW}
    assert len(own[TOMORROW]) == 32
    assert set(salts.own_salts(Snapshot(), NOON)) == {TODAY, TOMORROW}


def test_its_own_salts_stay_the_same_while_it_needs_them() -> None:
    own = salts.own_salts(Snapshot(), NOON)
    assert salts.own_salts(Snapshot(own_salts=own), NOON + 1000) == own
    later = salts.own_salts(Snapshot(own_salts=own), NOON + DAY)
    assert later[TOMORROW] == own[TOMORROW]
    assert TODAY not in later


def test_the_first_salt_of_a_day_stays_and_expired_ones_are_deleted() -> None:
    long_ago = salts.utc_day(NOON - 9 * DAY)
    state = with_salts(long_ago, TODAY)
    records = [
        decode_record(key, value) for key, value in salts.tend(state, {TODAY: b"n" * 32, TOMORROW: b"m" * 32}, NOON)
    ]
    assert records == [Salt(TOMORROW, b"m" * 32), Removed("salt", long_ago)]
    assert salts.tend(with_salts(TODAY, TOMORROW), {}, NOON) == []


def test_the_topics_salt_goes_before_an_edges_own_and_replaces_it() -> None:
    builder = Builder()
    builder.own_salts = {TODAY: b"own" * 11}
    assert builder.build().salt(TODAY) == b"own" * 11
    builder.add(Salt(TODAY, OLD))
    snapshot = builder.build()
    assert snapshot.salt(TODAY) == OLD
    assert snapshot.own_salts == {}


def test_a_forgotten_salt_serves_nobody_and_is_still_to_be_deleted() -> None:
    long_ago = salts.utc_day(NOON - 9 * DAY)
    builder = Builder(with_salts(long_ago, TODAY))
    builder.forget_salt(long_ago)
    builder.forget_salt("2000-01-01")
    snapshot = builder.build()
    assert (snapshot.salt(long_ago), snapshot.salt(TODAY)) == (None, OLD)
    assert [decode_record(*record) for record in salts.tend(snapshot, {}, NOON)][-1] == Removed("salt", long_ago)
    assert "2000-01-01" not in snapshot.salts
