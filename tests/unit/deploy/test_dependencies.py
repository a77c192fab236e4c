"""What pyproject.toml asks for is used: each dependency is downloaded and trusted by everybody who installs this."""

import ast
import re
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[3]
NOT_IMPORTED = {
    "chdb": "imported by its name, in the one folder where it may be",
    "cramjam": "aiokafka compresses with it",
    "tzdata": "zoneinfo reads it where the system has no time zones",
}


def imported() -> set[str]:
    """Top-level modules that the code imports anywhere."""
    found: set[str] = set()
    for folder in ("stream", "schemas"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Import):
                    found |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found.add(node.module.partition(".")[0])
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_imported_or_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["embedded"]]
    names = {normal(re.split(r"[\[<>=~!; ]", line)[0]) for line in wanted}
    modules = imported()
    used = {
        normal(name)
        for module, distributions in packages_distributions().items()
        if module in modules
        for name in distributions
    }
    assert names - used == NOT_IMPORTED.keys()
