from zoneinfo import ZoneInfo

from schemas.registry import Removed, Salt, decode_record
from stream.base.days import day_at
from stream.registry import salts
from stream.registry.snapshot import Builder, Snapshot

DAY = 86_400_000
SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = 1_795_147_200_000  # 20 November 2026, 12:00 in Shanghai
TODAY, TOMORROW = "2026-11-20", "2026-11-21"
OLD = b"o" * 32


def with_salts(*days: str) -> Snapshot:
    return Builder().add(*(Salt(day, OLD) for day in days)).build()


def test_days_are_the_brands() -> None:
    end = day_at(NOON, SHANGHAI).end_ms
    for now_ms, days in ((end - 1, {TODAY, TOMORROW}), (end, {TOMORROW, "2026-11-22"})):
        assert set(salts.own_salts(Snapshot(), now_ms, SHANGHAI)) == days


def test_a_salt_of_a_day_that_is_none_expires_without_an_error() -> None:
    builder = Builder(with_salts("0000-00-00", "9999-12-31"))
    assert [day for day in builder.build().salts if salts.expired(day, NOON, SHANGHAI)] == ["0000-00-00"]


def test_a_salt_is_gone_48_hours_after_its_day_ended() -> None:
    end = NOON + DAY // 2
    assert not salts.expired(TODAY, end + 2 * DAY - 1, SHANGHAI)
    assert salts.expired(TODAY, end + 2 * DAY, SHANGHAI)


def test_an_edge_makes_salts_of_its_own_for_days_the_topic_has_none_for() -> None:
    own = salts.own_salts(with_salts(TODAY), NOON, SHANGHAI)
    assert set(own) == {TOMORROW}
    assert len(own[TOMORROW]) == 32
    assert set(salts.own_salts(Snapshot(), NOON, SHANGHAI)) == {TODAY, TOMORROW}


def test_its_own_salts_stay_the_same_while_it_needs_them() -> None:
    own = salts.own_salts(Snapshot(), NOON, SHANGHAI)
    assert salts.own_salts(Snapshot(own_salts=own), NOON + 1000, SHANGHAI) == own
    later = salts.own_salts(Snapshot(own_salts=own), NOON + DAY, SHANGHAI)
    assert later[TOMORROW] == own[TOMORROW]
    assert TODAY not in later


def test_the_first_salt_of_a_day_stays_and_expired_ones_are_deleted() -> None:
    long_ago = day_at(NOON - 9 * DAY, SHANGHAI).name
    state = with_salts(long_ago, TODAY)
    proposed = {TODAY: b"n" * 32, TOMORROW: b"m" * 32}
    records = [decode_record(*record) for record in salts.tend(state, proposed, NOON, SHANGHAI)]
    assert records == [Salt(TOMORROW, b"m" * 32), Removed("salt", long_ago)]
    assert salts.tend(with_salts(TODAY, TOMORROW), {}, NOON, SHANGHAI) == []


def test_the_topics_salt_goes_before_an_edges_own_and_replaces_it() -> None:
    builder = Builder()
    builder.own_salts = {TODAY: b"own" * 11}
    assert builder.build().salt(TODAY) == b"own" * 11
    builder.add(Salt(TODAY, OLD))
    snapshot = builder.build()
    assert snapshot.salt(TODAY) == OLD
    assert snapshot.own_salts == {}


def test_a_forgotten_salt_serves_nobody_and_is_still_to_be_deleted() -> None:
    long_ago = day_at(NOON - 9 * DAY, SHANGHAI).name
    builder = Builder(with_salts(long_ago, TODAY))
    builder.forget_salt(long_ago)
    builder.forget_salt("2000-01-01")
    snapshot = builder.build()
    assert (snapshot.salt(long_ago), snapshot.salt(TODAY)) == (None, OLD)
    assert [decode_record(*record) for record in salts.tend(snapshot, {}, NOON, SHANGHAI)][-1] == Removed(
        "salt", long_ago
    )
    assert "2000-01-01" not in snapshot.salts
