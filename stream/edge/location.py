"""Where a visitor is sent: a registered URL, the parameters that are added to it, and the click token. Pure.

No part of a destination's scheme, host or path comes from a request. What does come from one, the values of
parameters that a link passes on by name, is percent-encoded, so a Location is printable ASCII whatever was sent.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from schemas.registry import TOKEN_PARAMETERS
from schemas.token import TEXT_LENGTH

_NETLOC: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""Host and port: no user, nothing that two parsers could read differently."""
_RESERVED: Final = "%/:?#[]@!$&'()*+,;=~"
_MINI_PROGRAM_NAME: Final = "ct"
_MINI_PROGRAM_LIMIT: Final = 256
"""Characters of `cq` that WeChat hands on."""


class Target(NamedTuple):
    """A destination; the click token goes between `head` and `tail`."""

    head: str
    tail: str


def target(url: str, kind: str, added: Mapping[str, str]) -> Target | None:
    """Where a URL of this destination kind leads with these parameters.

    A parameter that is added takes the place of one of that name in the URL; the token comes last, before the
    fragment. `wecom_contact` gets `state` like the others: a contact code that was made beforehand returns its own
    state and is credited by another rule, but a page that makes the code on the spot can hand the token on. A
    mini program sees nothing of a URL link but what is in `cq`, a query of its own, so there `ct` and what is added
    lie within that.

    Returns:
        None when the URL is no https URL that every client reads alike.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme != "https" or not _NETLOC.fullmatch(parts.netloc):
        return None
    parameter = TOKEN_PARAMETERS[kind]
    join = _mini_program if kind == "mini_program" else _merged
    query = join(parts.query, added, parameter)
    fragment = "#" + quote(parts.fragment, safe=_RESERVED) if "#" in url else ""
    return Target(f"{_base(parts)}?{query}", fragment)


def passed(query: str, names: frozenset[str], limit: int) -> dict[str, str]:
    """The parameters of a request's query that a link passes on, decoded: the first value of each, if not empty.

    Args:
        query: raw, without the question mark.
        names: those the link names.
        limit: how many parameters of the query are looked at.
    """
    found: dict[str, str] = {}
    for piece in query.split("&", limit)[:limit]:
        name, _, value = piece.partition("=")
        if name in names and name not in found and value:
            found[name] = unquote(value.replace("+", " "), errors="replace")
    return found


def _base(parts: SplitResult) -> str:
    return f"https://{parts.netloc}{quote(parts.path, safe=_RESERVED) or '/'}"


def _merged(query: str, added: Mapping[str, str], last: str) -> str:
    """The query with what is added, ending in `last=`."""
    replaced = {*added, last}
    kept = [piece for piece in query.split("&") if piece and unquote(piece.partition("=")[0]) not in replaced]
    own = [f"{name}={quote(value, safe='')}" for name, value in added.items() if name != last]
    return "&".join((*(quote(piece, safe=_RESERVED) for piece in kept), *own, f"{last}="))


def _mini_program(query: str, added: Mapping[str, str], parameter: str) -> str:
    """As `_merged`, with all that is added inside `parameter`, and left out where WeChat would cut the token off."""
    pieces = [piece for piece in query.split("&") if piece]
    outer = [piece for piece in pieces if piece.partition("=")[0] != parameter]
    inner = next((unquote(piece.partition("=")[2]) for piece in pieces if piece not in outer), "")
    value = _merged(inner, added, _MINI_PROGRAM_NAME)
    if len(value) + TEXT_LENGTH > _MINI_PROGRAM_LIMIT:
        value = _merged(inner, {}, _MINI_PROGRAM_NAME)
    return "&".join((*(quote(piece, safe=_RESERVED) for piece in outer), f"{parameter}={quote(value, safe='')}"))
