"""SQL files as text: placeholders and statements. Nothing here talks to a server.

Placeholders, all of them:

- `{database}`: name of the database.
- `{on_cluster}`: empty on one server, else an ON CLUSTER clause.
- `{engine:NAME(ARGS)}`: the table engine, as written on one server, its Replicated kind on a cluster.
- `{deduplication_window}`: the table setting that makes a block with a known token a no-op.
- `{timezone}`: the brand's time zone, to be put between quotes.
- `{contact_ms}`: how far apart the messages of an effective contact may be.
- `{clicks_days}`, `{conversions_days}`: how long what rates are made of is kept after it was received; 0: for ever.
- `{grain}`, `{grain_zh}`, `{grain_type}`, `{grain_of:TIME}`: a statement that says `{grain}` stands for three, one each
  for minute, hour and day: the word in English and in Chinese, the column's type, and a point in time cut down to it,
  all in the brand's time zone. So the three views cannot drift apart.

Any other `{word}` is ClickHouse's own (a query parameter like `{from:DateTime}`) and stays as it is.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

_PLACEHOLDER = re.compile(
    r"\{(database|on_cluster|deduplication_window|timezone|contact_ms|clicks_days|conversions_days"
    r"|engine:([A-Za-z]+)(\([^{}]*\)))\}"
)

_GRAIN_WORD = re.compile(r"\{(grain|grain_zh|grain_type|grain_of)(?::(\w+))?\}")

_KNOWN_BLOCKS = 10_000
"""Tokens a table remembers: hours of inserts, so that a retry after any outage a worker survives finds its token."""
_KNOWN_SECONDS = 7 * 86_400

_TOKEN = re.compile(
    r"""
    (?P<skip>--[^\n]*|\#![^\n]*|/\*.*?\*/)          # comments
    |(?P<text>'(?:\\.|''|[^'\\])*'|`(?:\\.|``|[^`\\])*`|"(?:\\.|""|[^"\\])*"|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
    |(?P<end>;)
    |(?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Target:
    """What the placeholders stand for."""

    database: str
    cluster: str
    """Empty for one server."""
    timezone: str
    contact_ms: int = 48 * 3_600_000
    clicks_days: int = 0
    conversions_days: int = 0


_GRAINS: Final[Sequence[Mapping[str, str]]] = (
    {
        "grain": "minute",
        "grain_zh": "分钟",
        "grain_type": "DateTime('{timezone}')",
        "grain_of": "toStartOfMinute(TIME, '{timezone}')",
    },
    {
        "grain": "hour",
        "grain_zh": "小时",
        "grain_type": "DateTime('{timezone}')",
        "grain_of": "toStartOfHour(TIME, '{timezone}')",
    },
    {"grain": "day", "grain_zh": "日", "grain_type": "Date", "grain_of": "toDate(TIME, '{timezone}')"},
)


def render(text: str, target: Target) -> str:
    """The SQL with every placeholder filled in."""

    def value(match: re.Match[str]) -> str:
        name, engine, arguments = match.groups()
        if engine:
            return f"{'Replicated' if target.cluster else ''}{engine}{arguments}"
        return _words(target)[name]

    return _PLACEHOLDER.sub(value, text)


def per_grain(statement: str) -> list[str]:
    """The statement as it is, or once per grain when it says `{grain}`; other placeholders stay."""
    if "{grain}" not in statement:
        return [statement]
    return [_GRAIN_WORD.sub(partial(_grain_word, grain), statement) for grain in _GRAINS]


def _grain_word(grain: Mapping[str, str], match: re.Match[str]) -> str:
    word, time = match.groups(default="")
    return grain[word].replace("TIME", time)


def statements(text: str) -> list[str]:
    """The statements of a file, without comments and without the semicolons that end them.

    A semicolon or comment sign inside a quoted string, identifier or heredoc is part of it.
    """
    found: list[str] = []
    current: list[str] = []
    for match in _TOKEN.finditer(text):
        if match["end"]:
            found.append("".join(current).strip())
            current = []
        else:
            current.append(" " if match["skip"] else match[0])
    found.append("".join(current).strip())
    return [statement for statement in found if statement]


def _words(target: Target) -> dict[str, str]:
    if target.cluster:
        window = (
            f"replicated_deduplication_window = {_KNOWN_BLOCKS}, "
            f"replicated_deduplication_window_seconds = {_KNOWN_SECONDS}"
        )
    else:
        window = f"non_replicated_deduplication_window = {_KNOWN_BLOCKS}"
    return {
        "database": target.database,
        "on_cluster": f"ON CLUSTER `{target.cluster}`" if target.cluster else "",
        "deduplication_window": window,
        "timezone": target.timezone,
        "contact_ms": str(target.contact_ms),
        "clicks_days": str(target.clicks_days),
        "conversions_days": str(target.conversions_days),
    }
