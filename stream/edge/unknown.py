"""Paths that are no link: their kinds, for a counter with few labels, and what robots are told. Pure."""

import re
from typing import Final, Literal

UnknownKind = Literal["code", "root", "file", "deep", "malformed"]
"""Shaped like a code; the bare host; a file name (.php, .env, .well-known); several segments; anything else."""

_CODE: Final = re.compile(r"[A-Za-z0-9_-]{1,32}")
_FILE: Final = re.compile(r"[A-Za-z0-9_.~+-]{1,128}")

# Search engines have no business here: what they follow would count as clicks. Those that draw a link's card may.
ROBOTS: Final = (
    b"User-agent: facebookexternalhit\nUser-agent: Twitterbot\nUser-agent: LinkedInBot\nUser-agent: Slackbot\n"
    b"Allow: /\n\nUser-agent: *\nDisallow: /\n"
)


def code_of(path: str) -> str:
    """The code that a path names, or an empty string; chat apps like to add a slash."""
    code = path[1:].removesuffix("/")
    return code if _CODE.fullmatch(code) else ""


def kind_of(path: str) -> UnknownKind:
    """What kind of path it is that names no link."""
    rest = path[1:]
    if not rest:
        return "root"
    if code_of(path):
        return "code"
    if _FILE.fullmatch(rest):
        return "file"
    return "deep" if all(_FILE.fullmatch(piece) for piece in rest.removesuffix("/").split("/")[:16]) else "malformed"
