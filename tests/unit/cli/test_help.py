"""What `--help` shows."""

import pytest
from typer.testing import CliRunner

from stream.cli.main import COMMANDS, app

COMPLETION = "--install-completion"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_of_its_own_options_alone(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"])
    assert shown.exit_code == 0
    assert "--help" in shown.output
    assert COMPLETION not in shown.output
    assert shown.output.startswith("Usage: ")


def test_the_shell_learns_completions_from_the_command_itself() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    assert COMPLETION in shown
    assert all(command in shown for command in COMMANDS)
