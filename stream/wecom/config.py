"""The operator's file of callback URLs: TOML, one table each, named after the last part of the URL.

::

    [brand]                      # https://.../callbacks/wecom/brand
    corp_id = "ww5823bf96d3bd56c7"
    token = "QDG6eK"
    encoding_aes_key = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"

Several applications of one corp are several tables with one `corp_id`: an event that comes to more than one of them
counts once. The command callback of a third-party suite has the suite's id as `receiver`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from stream.base.errors import SettingsError
from stream.base.toml_file import read_toml
from stream.wecom.callback import Corp
from stream.wecom.crypto import KEY_TEXT, key_of

MAX_BYTES: Final = 256 * 1024
MAX_CORPS: Final = 64
"""Each is a label of metrics."""
_VARIABLE: Final = "GUIDESTREAM_WECOM_CONFIG_FILE"
SECRETS: Final = frozenset({"token", "encoding_aes_key"})
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class _Field(NamedTuple):
    form: re.Pattern[str]
    says: str
    required: bool = True


_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FIELDS: Final[Mapping[str, _Field]] = {
    "corp_id": _Field(_ID, "the CorpID in the console under My Company, like ww5823bf96d3bd56c7"),
    "receiver": _Field(_ID, "the suite's id, for the command callback of a suite; else leave it out", required=False),
    "token": _Field(re.compile(r"[A-Za-z0-9]{1,32}"), "1 to 32 letters and digits, as in the console"),
    "encoding_aes_key": _Field(
        re.compile(rf"[A-Za-z0-9]{{{KEY_TEXT}}}"), f"{KEY_TEXT} letters and digits, as in the console"
    ),
}


def load(path: Path | None) -> dict[str, Corp]:
    """The callback URLs by name; none without a file.

    Raises:
        SettingsError: names everything that is wrong with the file; no secret is shown.
    """
    if path is None:
        return {}
    tables = _tables(path)
    problems = list(_problems(tables))
    if problems:
        raise SettingsError(f"{_VARIABLE}: {path} cannot be used:\n  " + "\n  ".join(problems))
    return {name: _corp(name, table) for name, table in tables.items()}


def shown(corps: Mapping[str, Corp]) -> Iterator[str]:
    """One line for each callback URL, for people; no secret is shown."""
    for corp in corps.values():
        secrets = ", ".join(f"{name}=(set, not shown)" for name in sorted(SECRETS))
        yield f"{corp.name}: corp_id={corp.corp_id}, receiver={corp.receiver}, {secrets}"


def _tables(path: Path) -> dict[str, Any]:
    try:
        return read_toml(path, max_bytes=MAX_BYTES)
    except ValueError as error:
        raise SettingsError(f"{_VARIABLE}: {path} {error}") from error


def _problems(tables: Mapping[str, Any]) -> Iterator[str]:
    if not tables:
        yield "there is no table in it; write one, [NAME], for each callback URL"
    if len(tables) > MAX_CORPS:
        yield f"{len(tables)} tables; at most {MAX_CORPS} are served"
    for name, table in tables.items():
        if not _NAME.fullmatch(name):
            yield f"[{name[:40]}]: a name has 1 to 32 characters of a-z, 0-9, - and _, the first no - or _"
        if not isinstance(table, dict):
            yield f"{name[:40]}: stands outside of a table; put [NAME] above it"
            continue
        yield from _table_problems(name, table)


def _table_problems(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    for unknown in sorted(table.keys() - _FIELDS.keys()):
        yield f"[{name}] {unknown[:40]}: no such field; there are {', '.join(_FIELDS)}"
    for field, rule in _FIELDS.items():
        if field not in table:
            if rule.required:
                yield f"[{name}] {field}: is missing; {rule.says}"
        elif not isinstance(table[field], str) or not rule.form.fullmatch(table[field]):
            got = "a secret, not shown" if field in SECRETS else repr(table[field])[:80]
            yield f"[{name}] {field}: must be {rule.says} (got {got})"


def _corp(name: str, table: Mapping[str, str]) -> Corp:
    corp_id = table["corp_id"]
    key = key_of(table["encoding_aes_key"])
    return Corp(name, corp_id, table.get("receiver", corp_id), token=table["token"], key=key)
