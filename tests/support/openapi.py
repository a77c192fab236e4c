"""The API's document as a file: `python -m tests.support.openapi` writes what the application generates."""

from pathlib import Path
from typing import Any

import yaml

from stream.api.app import create_app
from stream.registry.snapshot import Snapshot

FILE = Path(__file__).parents[2] / "schemas" / "openapi.yaml"


class Shown:
    """A registry that a test sets."""

    def __init__(self, snapshot: Snapshot | None = None, *, ready: bool = True) -> None:
        self.snapshot = snapshot or Snapshot()
        self.ready = ready


def generated() -> dict[str, Any]:
    """What the application says of itself."""
    return create_app(Shown(), public_url="https://s.example").openapi()


if __name__ == "__main__":
    FILE.write_text(yaml.safe_dump(generated(), sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
