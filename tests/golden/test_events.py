"""Bytes that were once written must decode for ever: a file here is never changed, only added to."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas import clicks, conversions
from schemas.codec import LAST_MS

GOLDEN = Path(__file__).parents[2] / "schemas" / "golden"
KINDS: Mapping[str, tuple[Callable[[bytes, int, int], Any], type]] = {
    "clicks": (clicks.decode_click, clicks.Click),
    "conversions": (partial(conversions.decode_conversion, currency="CNY"), conversions.Conversion),
}
MORE_NEEDED: Mapping[str, set[str]] = {"clicks": set(), "conversions": {"properties"}}
"""Every type of conversion needs something of its own; the minimal one is of a type that needs the least."""
FILES = [(kind, path) for kind in KINDS for path in sorted((GOLDEN / kind).glob("*.json"))]


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[f"{kind}/{path.stem}" for kind, path in FILES])
def test_old_bytes_decode_to_what_they_say(kind: str, path: Path) -> None:
    decode, event = KINDS[kind]
    written = orjson.loads(path.read_bytes())
    known = {name: value for name, value in written.items() if name in event.__annotations__}
    assert decode(path.read_bytes(), LAST_MS, 0) == known


def test_there_is_a_full_and_a_minimal_file_of_each_version() -> None:
    for kind, (_, event) in KINDS.items():
        required: frozenset[str] = event.__required_keys__  # type: ignore[attr-defined]
        fields = {path.stem: set(orjson.loads(path.read_bytes())) for path in (GOLDEN / kind).glob("v1-*.json")}
        assert fields["v1-minimal"] == required | MORE_NEEDED[kind]
        assert fields["v1-full"] == set(event.__annotations__)
