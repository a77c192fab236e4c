"""Who may send webhooks and what their payloads mean: the operator's TOML file (`webhooks.config_file`).

::

    [shop]                                       # POST /v1/webhooks/shop
    secrets = ["whsec_...", "whsec_..."]         # one, or two while one replaces the other

    [[shop.events]]                              # and all else of the grammar in `stream.mapping`
    ...
"""

import re
from collections.abc import Mapping as Dict
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from stream.api.signatures import read_secret
from stream.base.errors import SettingsError
from stream.base.settings import Settings
from stream.base.toml_file import read_toml
from stream.mapping import KEYS, Mapper, Nested, Problems, compile_mapping, read_mapping

WEBHOOK_ID: Final = "webhook.id"
"""What templates may name besides: the sender's own id of the message."""
MAX_SOURCES: Final = 100
MAX_SECRETS: Final = 2
MAX_FILE_BYTES: Final = 1024 * 1024
_VARIABLE: Final = "GUIDESTREAM_WEBHOOKS_CONFIG_FILE"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


class Source(NamedTuple):
    """One sender."""

    name: str
    secrets: tuple[bytes, ...]
    mapper: Mapper


def load_sources(settings: Settings) -> Dict[str, Source]:
    """The sources by name; none when no file is set.

    Raises:
        SettingsError: names everything that is wrong with the file, with table and key; no secret is shown.
    """
    path = settings.webhooks.config_file
    if path is None:
        return {}
    problems = Problems()
    sources = read_sources(_toml(path), problems, settings.brand.zone)
    if problems.found:
        raise SettingsError(f"{_VARIABLE}: {path} cannot be used:\n  " + "\n  ".join(problems.found))
    return sources


def shown(source: Source) -> str:
    """One line for people; no secret is shown."""
    return f"{source.name}: {len(source.secrets)} secrets, {source.mapper.possible} rules"


def read_sources(tables: Dict[str, Any], problems: Problems, zone: ZoneInfo) -> Dict[str, Source]:
    """The sources that the tables say; what is wrong goes to `problems`."""
    if len(tables) > MAX_SOURCES:
        problems.add("sources", f"at most {MAX_SOURCES}")
    sources: dict[str, Source] = {}
    for name, table in tables.items():
        if not isinstance(table, dict) or not _NAME.fullmatch(name):
            problems.add(name[:64], "give tables named with small letters, digits, - and _: [my-shop]")
            continue
        for key in table.keys() - {"secrets", *KEYS}:
            problems.add(f"{name}.{key}", f"there is no such key; there are secrets, {', '.join(KEYS)}")
        secrets = tuple(_secrets(table.get("secrets"), f"{name}.secrets", problems))
        before = len(problems.found)
        mapping = read_mapping(table, problems, where=name, zone=zone, given=frozenset({WEBHOOK_ID}))
        if len(problems.found) > before:
            continue
        try:
            sources[name] = Source(name, secrets, compile_mapping(mapping, Nested()))
        except ValueError as error:
            problems.add(name, str(error))
    return sources


def _secrets(raw: Any, where: str, problems: Problems) -> list[bytes]:
    if not isinstance(raw, list) or not 1 <= len(raw) <= MAX_SECRETS or not all(isinstance(text, str) for text in raw):
        problems.add(where, f"give a list of 1 to {MAX_SECRETS} secrets")
        return []
    found: list[bytes] = []
    for number, text in enumerate(raw, 1):
        try:
            found.append(read_secret(text))
        except ValueError as error:
            problems.add(f"{where}[{number}]", str(error))
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path, max_bytes=MAX_FILE_BYTES)
    except ValueError as error:
        raise SettingsError(f"{_VARIABLE}: {path} {error}") from error
