"""What `guidestream erase` shows while it waits."""

from io import StringIO
from unittest.mock import AsyncMock

import pytest
from rich.console import Console
from typer.testing import CliRunner

from stream.base.errors import InputError
from stream.cli.erase import Steps, app


def shown(*, terminal: bool) -> str:
    out = StringIO()
    steps = Steps(Console(file=out, force_terminal=terminal, width=60, _environ={}))
    with steps:
        steps.say("waiting for the worker [1/2]" + " and more" * 10)
    with steps:
        steps.say("changing rows")
    return out.getvalue()


@pytest.mark.parametrize("option", ["--customer", "--visitor"])
def test_an_id_is_taken_as_it_is_given(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    asked = AsyncMock(side_effect=InputError("enough"))
    monkeypatch.setattr("stream.cli.erase._erase", asked)
    CliRunner().invoke(app, [option, " c1 ", "--yes"])
    [wish], _ = asked.call_args
    assert (wish.kind, wish.text) == (option[2:], " c1 ")


@pytest.mark.parametrize("arguments", [[], ["--customer", " "], ["--customer", "c1", "--visitor", "v1"]])
def test_one_person_is_to_be_named(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, [*arguments, "--yes"])
    assert "give one of --customer, --visitor and --phone" in str(result.exception)


def test_each_step_is_a_line_where_nobody_looks_at_a_terminal() -> None:
    first = "waiting for the worker [1/2]" + " and more" * 10
    assert shown(terminal=False) == f"{first}\nchanging rows\n"


def test_a_terminal_shows_the_step_that_is_under_way() -> None:
    assert "changing rows" in shown(terminal=True)
