"""`guidestream config`."""

from pathlib import Path

import orjson
from typer.testing import CliRunner, Result

from stream.base.errors import SettingsError
from stream.cli.config import apps
from tests.support import webhooks, wecom

ENVIRON = {"GUIDESTREAM_EDGE_PORT": "18080", "GUIDESTREAM_CLICKHOUSE_PASSWORD": "very-secret"}


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(apps["config"], arguments, env=ENVIRON)
    assert result.exit_code == 0
    return result.output


def test_what_the_environment_set_is_marked() -> None:
    lines = _run().splitlines()
    assert "* GUIDESTREAM_EDGE_PORT=18080" in lines
    assert "  GUIDESTREAM_EDGE_ADMIN_PORT=9108" in lines


def test_secrets_are_told_to_be_set_and_not_shown_in_any_form() -> None:
    for form in ((), ("--json",), ("--markdown",)):
        assert "very-secret" not in _run(*form)
    assert "* GUIDESTREAM_CLICKHOUSE_PASSWORD=(set, not shown)" in _run().splitlines()


def test_json_is_one_array_of_settings() -> None:
    found = {entry["variable"]: entry for entry in orjson.loads(_run("--json"))}
    assert found["GUIDESTREAM_EDGE_PORT"]["value"] == "18080"
    assert found["GUIDESTREAM_EDGE_PORT"]["default"] == "8080"
    assert found["GUIDESTREAM_EDGE_PORT"]["source"] == "environment"


def test_markdown_shows_defaults_and_not_what_is_in_force() -> None:
    assert "| `GUIDESTREAM_EDGE_PORT` | `8080` | >= 0, <= 65,535 |" in _run("--markdown")


def test_callback_urls_of_wecom_are_shown_without_their_secrets_and_their_problems_are_named(tmp_path: Path) -> None:
    def run(text: str) -> Result:
        environ = {"GUIDESTREAM_WECOM_CONFIG_FILE": str(wecom.config_file(tmp_path, text))}
        return CliRunner().invoke(apps["config"], env=environ)

    shown = run(wecom.CONFIG).output
    assert f"brand: corp_id={wecom.CORP_ID}" in shown
    assert wecom.TOKEN not in shown
    assert wecom.AES_KEY not in shown
    assert isinstance(run(wecom.CONFIG + "agent = 1").exception, SettingsError)


def test_senders_of_webhooks_are_shown_without_their_secrets_and_their_problems_are_named(tmp_path: Path) -> None:
    def run(path: Path) -> Result:
        return CliRunner().invoke(apps["config"], env={"GUIDESTREAM_WEBHOOKS_CONFIG_FILE": str(path)})

    shown = run(webhooks.example(tmp_path / "webhooks.toml")).output
    assert "youzan: 2 secrets, 2 rules" in shown
    assert webhooks.written(webhooks.SECRET) not in shown
    assert isinstance(run(webhooks.EXAMPLE).exception, SettingsError)
