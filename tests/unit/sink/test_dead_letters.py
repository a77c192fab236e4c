"""Dead letters: names, safe previews, and which of them a replay sends."""

from datetime import UTC, datetime

import pytest

from stream.base.errors import InputError
from stream.sink.dead_letters import PREVIEW_CHARACTERS, Letter, Origin, Summary, preview, safe
from stream.sink.replay import Replay, plan

THEN = datetime(2026, 11, 20, tzinfo=UTC)


def letter(offset: int, value: bytes = b"{}", replayed_at: datetime | None = None) -> Letter:
    summary = Summary(Origin("clicks", 0, offset), "decode", "not_json", "", THEN, len(value), replayed_at)
    return Letter(summary, b"", value, ())


def test_an_origin_is_read_as_it_is_written() -> None:
    assert str(Origin.parse("conversions/12/9000000000")) == "conversions/12/9000000000"


@pytest.mark.parametrize(
    "text", ["", "clicks", "clicks/1", "registry/0/1", "clicks/-1/1", "clicks/70000/1", "clicks/1/1 "]
)
def test_what_is_no_origin_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InputError, match="clicks/3/1234"):
        Origin.parse(text)


def test_json_is_indented_and_chinese_stays_readable() -> None:
    assert preview('{"guide":"导购","n":1}'.encode()) == '{\n  "guide": "导购",\n  "n": 1\n}'


@pytest.mark.parametrize(
    "payload", [b"\x1b[31mred", b"bell\x07", "\u202etxt.exe".encode(), b"\x9b31m", b"\xff\xfe\x00"]
)
def test_nothing_that_a_terminal_obeys_survives_a_preview(payload: bytes) -> None:
    shown = preview(payload)
    assert shown.isprintable()


def test_escapes_inside_json_strings_stay_harmless() -> None:
    assert "\x1b" not in preview(b'{"ua":"\\u001b[2J"}')


def test_line_breaks_and_tabs_stay() -> None:
    assert safe("a\n\tb") == "a\n\tb"


def test_a_long_payload_is_cut_and_says_how_long_it_is() -> None:
    shown = preview(b"x" * 100_000)
    assert shown == "x" * PREVIEW_CHARACTERS + "\n... 100000 bytes in all"


def test_deeply_nested_json_is_shown_as_it_came() -> None:
    assert preview(b"[" * 3_000).startswith("[[[")


def test_what_was_replayed_and_what_is_empty_is_left_alone() -> None:
    letters = [letter(1), letter(2, replayed_at=THEN), letter(3, b"")]
    planned = plan(letters, again=False, fixed=None)
    assert [one.summary.origin.offset for one in planned.due] == [1]
    assert (planned.earlier, planned.empty) == ((Origin("clicks", 0, 2),), (Origin("clicks", 0, 3),))


def test_again_sends_what_was_replayed_before() -> None:
    assert len(plan([letter(2, replayed_at=THEN)], again=True, fixed=None).due) == 1


def test_a_fixed_value_can_stand_in_for_none() -> None:
    assert len(plan([letter(3, b"")], again=False, fixed=b"{}").due) == 1


def test_the_report_tells_the_fate_of_each_and_adds_up() -> None:
    sent = {Origin("clicks", 0, n): Origin("clicks", 0, 10 + n) for n in range(3)}
    fates = dict.fromkeys(sent, "inserted") | {Origin("clicks", 0, 2): "duplicate"}
    lines = Replay(sent, (Origin("clicks", 0, 8),), ()).lines(fates)
    assert lines[0].startswith("clicks/0/8 is left alone")
    assert "clicks/0/2 -> clicks/0/12: duplicate" in lines
    assert lines[-1] == "3 sent, 1 duplicate, 2 inserted"
