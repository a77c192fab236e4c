"""What may be said over HTTP at all, and what by the BI user. Pure; works on the engine's own rendering of a statement.

The engine's access control decides about tables and sources. This keeps out what it does not cover because it takes
an embedding program for a trusted one: the scalar function `file`, programs and files as sources of dictionaries,
`INTO OUTFILE`, objects of this very Python process.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Final

from stream.embedded.warehouse.failure import EngineError
from stream.embedded.warehouse.lexer import Kind, Token, tokens
from stream.embedded.warehouse.users import Role

_CALLS: Final = frozenset(
    {
        "file", "filecluster", "filesystem", "executable", "executablepool", "executable_pool", "library", "python",
        "sqlite", "jdbc", "odbc", "disk", "hive", "arrowstream", "arrow_stream",
    }
)  # fmt: skip
"""Functions, table functions, engines and dictionary sources that reach files, programs or objects of this machine."""
_EXPRESSION_SETTINGS: Final = frozenset({"additional_table_filters", "additional_result_filter"})
_WORDS: Final = (*(name.encode() for name in sorted(_CALLS)), b"outfile", b"infile", b"additional_", b"identifier")
_CURLY: Final = (b"\xe2\x80\x98", b"\xe2\x80\x99", b"\xe2\x80\x9c", b"\xe2\x80\x9d")
_HIDING: Final = re.compile(r"file|\\x|\\u", re.IGNORECASE)
_BI_VERBS: Final = frozenset(b"SELECT WITH FROM SHOW DESC DESCRIBE EXPLAIN EXISTS (".split())
_BI_SYSTEM: Final = frozenset(
    {
        "one", "numbers", "numbers_mt", "zeros", "databases", "tables", "columns", "functions", "table_functions",
        "formats", "settings", "data_type_families", "time_zones", "keywords", "collations", "build_options",
        "aggregate_function_combinators", "table_engines", "roles", "current_roles", "enabled_roles",
    }
)  # fmt: skip
"""Tables of `system` that say nothing about anybody else's data or queries."""
_BI_REFUSED: Final = frozenset({"merge", "processes", "processlist", "user_processes", "viewexplain"})


def suspicious(text: bytes) -> bool:
    """Whether a writer's statement needs a closer look; most do not, and are not rendered for it."""
    lowered = text.lower()
    if any(word in lowered for word in _WORDS) or any(quote in text for quote in _CURLY):
        return True
    # A quoted name may spell any word with escapes.
    return b"\\" in text and (b"`" in text or b'"' in text)


def holds_sql(settings: Mapping[str, str]) -> bool:
    """Whether a setting holds SQL of its own."""
    return not _EXPRESSION_SETTINGS.isdisjoint(settings)


def literals_only(data: bytes, *, whole: bool) -> bool:
    """Whether VALUES must be read without evaluating expressions: they might call `file`."""
    return not whole or suspicious(data)


def check(rendered: bytes, parameters: Mapping[str, str], settings: Mapping[str, str], role: Role) -> None:
    """Refuse a statement that nobody may run over HTTP, or not this user.

    Args:
        rendered: the statement as the engine itself renders it: no comments, names quoted one way.
        parameters: values of its parameters.
        settings: what the request sets beside it.
        role: of the user.

    Raises:
        EngineError: 497, with the reason.
    """
    found = list(tokens(rendered))
    _check_calls(found, columns=False)
    _check_files(found)
    _check_expressions(found, settings)
    names = {token.identifier for token in found} - {""}
    if any(token.identifier == "identifier" for token in found):
        names |= _check_identifiers(found, parameters)
    if role is Role.BI:
        _check_bi(found, names)


def check_head(rendered: bytes) -> None:
    """Refuse an INSERT whose target reaches outside; `rendered` is its part before the data.

    Raises:
        EngineError: 497, with the reason.
    """
    found = list(tokens(rendered))
    _check_calls(found, columns=True)
    _check_files(found)


def check_database(database: str, role: Role) -> None:
    """Refuse a current database that would let the BI user leave its views."""
    if role is Role.BI and database.lower() == "system":
        raise _denied("the BI user may not make `system` its current database")


def _check_calls(found: Sequence[Token], *, columns: bool) -> None:
    for index, token in enumerate(found):
        name = token.identifier
        if name not in _CALLS:
            continue
        before = found[index - 1].word if index else b""
        after = found[index + 1].word if index + 1 < len(found) else b""
        # Called, applied (`* APPLY(file)`), or handed to another function (`arrayMap(file, ...)`).
        handed = name == "file" and token.depth > 0 and before in (b"(", b",") and after in (b",", b")")
        if after == b"(" or before == b"APPLY" or (handed and not columns):
            raise _denied(f"`{name}` reaches files or programs of this machine, which nobody may do over HTTP")


def _check_files(found: Sequence[Token]) -> None:
    for before, token in itertools.pairwise(found):
        if (before.word, token.word) in ((b"INTO", b"OUTFILE"), (b"FROM", b"INFILE")):
            raise _denied(f"{token.word.decode()} reaches files of this machine, which nobody may do over HTTP")


def _check_expressions(found: Sequence[Token], settings: Mapping[str, str]) -> None:
    """Settings that hold SQL of their own may be used (Grafana filters with them), but not to hide `file` in."""
    values = [value for name, value in settings.items() if name in _EXPRESSION_SETTINGS]
    if any(token.identifier in _EXPRESSION_SETTINGS for token in found):
        values += [token.text.decode("utf-8", "replace") for token in found if token.kind is Kind.STRING]
    if any(_HIDING.search(value) for value in values):
        raise _denied("a filter setting may not contain `file` nor escaped characters")


def _check_identifiers(found: Sequence[Token], parameters: Mapping[str, str]) -> set[str]:
    """The names that `{x:Identifier}` stands for; they must come with the request and be plain."""
    names: set[str] = set()
    for index, token in enumerate(found):
        if token.identifier != "identifier" or index < 3 or found[index - 1].word != b":":
            continue
        value = parameters.get(found[index - 2].text.decode("utf-8", "replace"))
        parts = value.lower().split(".") if value is not None else ["\\"]
        if any("\\" in part or part in _CALLS for part in parts):
            raise _denied("the value of an Identifier parameter must come with the request, as a plain name")
        names.update(parts)
    return names


def _check_bi(found: Sequence[Token], names: set[str]) -> None:
    if not found or found[0].word not in _BI_VERBS:
        raise _denied("the BI user may only read")
    if refused := names & _BI_REFUSED:
        raise _denied(f"the BI user may not use `{min(refused)}`")
    if "system" not in names:
        return
    for index, token in enumerate(found):
        if token.identifier != "system":
            continue
        after = [item.identifier or item.word.decode() for item in found[index + 1 : index + 3]]
        if after[:1] == ["."] and after[-1] not in _BI_SYSTEM:
            raise _denied(f"the BI user may not read system.{after[-1]}")
        if after[:1] != ["."] and token.kind is not Kind.STRING and found[index - 1].word not in (b"FROM", b"IN"):
            raise _denied("the BI user may not use `system` like this")


def _denied(reason: str) -> EngineError:
    return EngineError(497, "ACCESS_DENIED", f"Not allowed here: {reason}.")
