"""The bounded memory of the ids that a file's rows have made."""

from typing import Any

from stream.imports.repeats import Repeats
from stream.mapping import SharedId


def event(event_id: str, amount: str = "1") -> dict[str, Any]:
    return {"event_id": event_id, "amount": amount}


def numbered(repeats: Repeats, event_id: str, rest: str) -> str:
    made = event(SharedId(event_id))
    repeats.tell_apart(made, lambda: rest)
    assert type(made["event_id"]) is str
    return str(made["event_id"])


def test_an_id_is_contradicted_by_other_content_alone() -> None:
    repeats = Repeats()
    said = [repeats.contradicts(event(*of)) for of in (("a", "1"), ("b", "2"), ("a", "1"), ("a", "2"), ("a", "1"))]
    assert said == [False, False, False, True, False]


def test_rows_that_share_an_id_are_numbered_by_what_else_they_hold() -> None:
    repeats = Repeats()
    assert [numbered(repeats, "m", rest) for rest in "xyxzy"] == ["m", "m:2", "m", "m:3", "m:2"]
    assert numbered(repeats, "n", "x") == "n"


def test_no_cell_is_taken_for_what_is_noted_of_an_id() -> None:
    repeats = Repeats()
    rests = ["count", "", "m", "count"]
    assert [numbered(repeats, "m", rest) for rest in rests] == ["m", "m:2", "m:3", "m"]


def test_an_id_that_is_not_shared_stays() -> None:
    made = event("a")
    Repeats().tell_apart(made, lambda: "x")
    assert made == event("a")


def test_at_least_the_last_ids_are_remembered_and_no_more_than_twice_as_many() -> None:
    repeats = Repeats(capacity=10)
    for number in range(100):
        repeats.contradicts(event(str(number)))
        last = range(max(0, number - 9), number + 1)
        assert all(repeats.contradicts(event(str(one), "2")) for one in last)
    assert not any(repeats.contradicts(event(str(number), "2")) for number in range(80))
