"""What `guidestream erase` shows while it waits."""

from io import StringIO

from rich.console import Console

from stream.cli.erase import Steps


def shown(*, terminal: bool) -> str:
    out = StringIO()
    steps = Steps(Console(file=out, force_terminal=terminal, width=60, _environ={}))
    with steps:
        steps.say("waiting for the worker [1/2]" + " and more" * 10)
    with steps:
        steps.say("changing rows")
    return out.getvalue()


def test_each_step_is_a_line_where_nobody_looks_at_a_terminal() -> None:
    first = "waiting for the worker [1/2]" + " and more" * 10
    assert shown(terminal=False) == f"{first}\nchanging rows\n"


def test_a_terminal_shows_the_step_that_is_under_way() -> None:
    assert "changing rows" in shown(terminal=True)
