"""What a developer runs: hooks and lock files do as `make check` and `make lock` do."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[3]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def recipe(target: str) -> list[str]:
    """The commands of a target."""
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found
    return [line.strip().removeprefix("@") for line in found[1].splitlines()]


def test_hooks_are_valid_and_download_nothing() -> None:
    file = ROOT / ".pre-commit-config.yaml"
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    for repository in yaml.safe_load(file.read_text("utf-8"))["repos"]:
        assert repository["repo"] == "local"
        assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_hooks_look_at_what_make_check_looks_at() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    entries = [hook["entry"].replace(" --force-exclude", "") for hook in hooks]
    checks = [line.replace("$(BIN)", ".venv/bin").removesuffix(" .") for line in recipe("check")]
    assert entries == [line for line in checks if "jsonschema" not in line]


def test_every_lock_is_recomputed_by_make_lock() -> None:
    text = "\n".join(recipe("lock")).replace("$(LOCK)", "deploy/requirements-dev.txt")
    locks = [*(ROOT / "deploy").rglob("requirements*.txt"), *(ROOT / "stream").rglob("*.lock")]
    assert len(locks) == 5
    for path in locks:
        assert str(path.relative_to(ROOT)) in text, path
