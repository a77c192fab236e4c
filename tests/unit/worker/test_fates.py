from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.rejects import Reject
from stream.base.errors import RejectLimitError
from stream.sink.rows import DeadLetter, Duplicate
from stream.worker.dead_letters import headers
from stream.worker.fates import RejectLimit, dead_letter, duplicates_in, is_retransmitted
from stream.worker.refusal import Refusal


def letter(offset: int = 5, *, value: bytes | None = b"x", reason: Any = "not_json") -> DeadLetter:
    record = SimpleNamespace(
        offset=offset, timestamp=1_000, key=b"key", value=value, headers=[("a", b"1"), ("b", None)]
    )
    return dead_letter(record, "validate", Reject(reason, "细节"))


def test_only_the_header_makes_a_retransmission() -> None:
    assert is_retransmitted([("traceparent", b"x"), ("retransmitted", b"1")])
    assert not is_retransmitted([("traceparent", b"retransmitted")])


def test_an_event_repeats_an_earlier_one_of_its_batch() -> None:
    assert duplicates_in("aba", [1, 2, 3], 0, [False, False, True], {}) == [Duplicate(3, "a", 0, 1)]


def test_an_event_repeats_one_that_is_in_clickhouse() -> None:
    assert duplicates_in("a", [9], 0, [True], {"a": [(0, 4)]}) == [Duplicate(9, "a", 0, 4)]
    assert duplicates_in("a", [9], 0, [True], {"a": [(3, 40)]}) == [Duplicate(9, "a", 3, 40)]


def test_a_row_of_its_own_or_behind_it_is_a_replay_and_no_original() -> None:
    assert duplicates_in("a", [9], 0, [True], {"a": [(0, 9), (0, 12)]}) == []


def test_what_is_not_marked_is_not_looked_at() -> None:
    assert duplicates_in("aa", [1, 2], 0, [False, False], {"a": [(1, 1)]}) == []


def test_of_three_copies_the_first_stays() -> None:
    found = duplicates_in("aaa", [1, 2, 3], 0, [True, True, True], {})
    assert found == [Duplicate(2, "a", 0, 1), Duplicate(3, "a", 0, 1)]


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    return Refusal(tmp_path / "refused" / "clicks")


def test_the_reject_limit_looks_at_a_share_of_enough_events(refusal: Refusal) -> None:
    limit = RejectLimit(0.5, 100, refusal)
    limit.check(50, [letter()] * 50)  # too few to judge
    with pytest.raises(RejectLimitError, match="80 of the last 100"):
        limit.check(50, [letter()] * 30)
    assert refusal.stands()


def test_the_reject_limit_starts_anew_after_each_judgement(refusal: Refusal) -> None:
    limit = RejectLimit(0.5, 100, refusal)
    limit.check(100, [letter()] * 50)
    limit.check(100, [letter()] * 50)
    assert not refusal.stands()


def test_a_life_after_a_refusal_is_judged_from_its_first_event_on(refusal: Refusal) -> None:
    refusal.put("why")
    for _ in range(2):
        with pytest.raises(RejectLimitError, match="3 of the last 4"):
            RejectLimit(0.5, 100, refusal).check(4, [letter()] * 3)


def test_a_life_after_a_refusal_gets_past_it_with_enough_good_events(refusal: Refusal) -> None:
    refusal.put("why")
    limit = RejectLimit(0.5, 100, refusal)
    limit.check(90, [])
    limit.check(5, [letter()] * 5)
    assert refusal.stands()
    limit.check(5, [letter()] * 5)
    assert not refusal.stands()
    limit.check(50, [letter()] * 50)  # as ever: too few to judge


def test_a_disk_that_takes_no_mark_does_not_hide_why_the_worker_stops(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RejectLimitError):
        RejectLimit(0.5, 1, Refusal(tmp_path / "file" / "clicks")).check(1, [letter()])


def test_a_dead_letter_says_where_it_came_from_and_why() -> None:
    said = dict(headers("clicks", 3, letter()))
    assert said == {
        "origin_topic": b"clicks",
        "origin_partition": b"3",
        "origin_offset": b"5",
        "origin_time_ms": b"1000",
        "stage": b"validate",
        "reason": b"not_json",
        "detail": "细节".encode(),
    }


def test_a_value_that_is_cut_says_how_long_it_was() -> None:
    assert dict(headers("clicks", 3, letter(value=b"x" * 1_000_000)))["cut_from_bytes"] == b"1000000"
