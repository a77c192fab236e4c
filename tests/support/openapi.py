"""The API's document as a file: `python -m tests.support.openapi` writes what the application generates."""

from pathlib import Path
from typing import Any

import yaml

from tests.support.api import Api

FILE = Path(__file__).parents[2] / "schemas" / "openapi.yaml"


def generated() -> dict[str, Any]:
    """What the application says of itself."""
    return Api().app.openapi()


if __name__ == "__main__":
    FILE.write_text(yaml.safe_dump(generated(), sort_keys=False, allow_unicode=True, width=110), encoding="utf-8")
