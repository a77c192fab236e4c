"""The mappings of files: one for each kind, which an operator's own may change or replace."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from stream.base.errors import InputError
from stream.base.toml_file import read_toml
from stream.mapping import KEYS, Mapping, Problems, read_mapping

Kind = Literal["orders", "messages", "tasks", "costs", "customers"]
_MAX_BYTES: Final = 1024 * 1024


def mapping_text(kind: Kind) -> str:
    """The built-in mapping of a kind, as TOML."""
    return (resources.files("stream.imports") / "kinds" / f"{kind}.toml").read_text(encoding="utf-8")


def load_mapping(kind: Kind, own: Path | None, zone: ZoneInfo) -> Mapping:
    """The mapping of a kind. One of the operator's that has no `events` adds its names to the built-in ones.

    Raises:
        InputError: names everything that is wrong with the operator's file, with table and key.
    """
    table = tomllib.loads(mapping_text(kind))
    if own is not None:
        table = _changed(table, _own(own))
    problems = Problems()
    for key in table.keys() - set(KEYS):
        problems.add(key, f"there is no such key; there are {', '.join(KEYS)}")
    mapping = read_mapping(table, problems, zone=zone)
    if problems.found:
        raise InputError("\n  ".join([f"{own} cannot be used:", *problems.found]), field="--mapping")
    return mapping


def _changed(builtin: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    if "events" in own:
        return own
    names = own.get("names", {})
    return {**builtin, **own, "names": {**builtin["names"], **names} if isinstance(names, dict) else names}


def _own(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path, max_bytes=_MAX_BYTES)
    except ValueError as error:
        raise InputError(f"{path} {error}", field="--mapping") from error
