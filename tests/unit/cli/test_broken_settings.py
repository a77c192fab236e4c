"""Broken settings end a command before it starts anything."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from stream.base.errors import SettingsError
from stream.cli import demo, up


@pytest.mark.parametrize("command", [up.apps["up"], demo.apps["demo"]], ids=["up", "demo"])
def test_all_are_named_and_nothing_is_started(
    command: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environ = {
        "GUIDESTREAM_DATA_DIR": str(tmp_path / "data"),
        "GUIDESTREAM_TOKEN_KEYS": "1:abcdef",
        "GUIDESTREAM_GEO_CITY_FILE": str(tmp_path / "city.mmdb"),
        "GUIDESTREAM_WORKER_GROUP": "a group",
    }
    done = CliRunner().invoke(command, env=environ)
    assert isinstance(done.exception, SettingsError)
    for name in ("GUIDESTREAM_TOKEN_KEYS", "GUIDESTREAM_GEO_CITY_FILE", "GUIDESTREAM_WORKER_GROUP"):
        assert name in str(done.exception)
    assert "abcdef" not in str(done.exception)
    assert list(tmp_path.iterdir()) == []
