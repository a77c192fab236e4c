"""What `guidestream spool` and `guidestream token` say."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from schemas.token import Signer
from stream.cli.spool import spool as spool_command
from stream.cli.token import token as token_command
from stream.spool import Spool
from stream.spool.cursor import Cursor, CursorFile
from stream.spool.frame import HEADER_BYTES
from stream.spool.segments import Position

RUN = CliRunner()
KEY = "ab" * 32


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A spool with three records, of which the first may have been sent, owned by this process."""
    target = tmp_path / "data" / "spool" / "edge-clicks"
    with Spool(
        target, segment_bytes=4096, max_bytes=1 << 20, fsync_ms=1000, topic="cli", clock=lambda: 1_795_000_000_000
    ) as spool:
        spool.append("导购1".encode(), '{"name":"王芳"}'.encode())
        spool.append(b"k", b"\x1b[2J\xff\n")
        spool.append(b"k", b"x" * 3000)
    file = CursorFile(target)
    file.save(Cursor(Position(0, 0), Position(1, HEADER_BYTES + 1), 6))
    file.close()
    return target


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"GUIDESTREAM_DATA_DIR": str(tmp_path / "data"), "GUIDESTREAM_TOKEN_KEYS": f"1:{KEY}"}


def test_a_spool_is_shown_beside_its_owner(directory: Path, environ: dict[str, str]) -> None:
    with Spool(directory, segment_bytes=4096, max_bytes=1 << 20, fsync_ms=1000, topic="cli") as owner:
        owner.append(b"k", b"new")
        shown = RUN.invoke(spool_command, ["inspect"], env=environ)
    assert shown.exit_code == 0
    assert f"{directory}\n" in shown.stdout
    assert "4 records" in shown.stdout
    assert "1 of them" in shown.stdout
    assert "00000000000000000002.seg" in shown.stdout


def test_records_are_printed_without_obeying_them(directory: Path, environ: dict[str, str]) -> None:
    shown = RUN.invoke(spool_command, ["inspect", "--dir", str(directory), "--records", "3"], env=environ)
    assert '2026-11-18T11:06:40.000+00:00  导购1  {"name":"王芳"}' in shown.stdout
    assert r"\x1b[2J\xff\n" in shown.stdout
    assert "x" * 2000 + "..." in shown.stdout
    assert "\x1b" not in shown.stdout


def test_scripts_get_one_object_a_spool(directory: Path, environ: dict[str, str]) -> None:
    shown = RUN.invoke(spool_command, ["inspect", "--json", "--records", "1"], env=environ)
    assert shown.exit_code == 0, shown.exception
    data = orjson.loads(shown.stdout)
    assert (data["waiting_records"], data["maybe_sent_records"], data["damaged_bytes"]) == (3, 1, 0)
    assert data["oldest_ms"] == 1_795_000_000_000
    assert data["records"] == [{"at_ms": 1_795_000_000_000, "key": "导购1", "value": '{"name":"王芳"}'}]


@pytest.mark.parametrize("options", [[], ["--dir", "/nonexistent"], ["--dir", "/"]])
def test_what_is_no_spool_is_named(tmp_path: Path, options: list[str]) -> None:
    shown = RUN.invoke(spool_command, ["inspect", *options], env={"GUIDESTREAM_DATA_DIR": str(tmp_path)})
    assert shown.exit_code == 1
    assert "spool" in str(shown.exception) or "directory" in str(shown.exception)


def test_a_token_is_read_in_both_time_zones(environ: dict[str, str]) -> None:
    text = Signer(1, bytes.fromhex(KEY), 5).sign(42, 1_795_000_000_000, 7)
    shown = RUN.invoke(token_command, ["inspect", text, "--json"], env=environ)
    assert orjson.loads(shown.stdout) == {
        "valid": True,
        "link_number": 42,
        "at_ms": 1_795_000_000_000,
        "utc": "2026-11-18T11:06:40.000+00:00",
        "local": "2026-11-18T19:06:40.000+08:00",
        "timezone": "Asia/Shanghai",
        "edge": 5,
        "counter": 7,
        "key_id": 1,
    }
    plain = RUN.invoke(token_command, ["inspect", text], env=environ)
    assert "link_number  42\n" in plain.stdout


@pytest.mark.parametrize("text", ["x", "A" * 30, "-" * 30, "导" * 30])
def test_what_is_no_token_is_refused_with_the_reason(environ: dict[str, str], text: str) -> None:
    shown = RUN.invoke(token_command, ["inspect", text], env=environ)
    assert shown.exit_code == 1
    assert "not a valid click token" in str(shown.exception)
    as_json = RUN.invoke(token_command, ["inspect", text, "--json"], env=environ)
    assert as_json.exit_code == 1
    assert orjson.loads(as_json.stdout)["valid"] is False


def test_without_keys_a_token_is_shown_as_unverified_and_none_are_made(tmp_path: Path) -> None:
    text = Signer(1, bytes.fromhex(KEY), 5).sign(42, 1_795_000_000_000, 7)
    environ = {"GUIDESTREAM_DATA_DIR": str(tmp_path / "data")}
    shown = RUN.invoke(token_command, ["inspect", text], env=environ)
    assert shown.exit_code == 1
    assert "valid        unknown\n" in shown.stdout
    assert "link_number  42\n" in shown.stdout
    assert "not verified" in shown.stdout
    data = orjson.loads(RUN.invoke(token_command, ["inspect", text, "--json"], env=environ).stdout)
    assert (data["valid"], data["link_number"], data["edge"]) == (None, 42, 5)
    assert "no keys" in data["reason"]
    assert list(tmp_path.iterdir()) == []
