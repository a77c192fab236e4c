"""Whose address a request came from, and the prefix of it that may be written down. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final, NamedTuple

_MAPPED: Final = bytes(10) + b"\xff\xff"
"""What an IPv4 address looks like to a socket that speaks both: ::ffff:203.0.113.9."""


_LONGEST: Final = 64
"""Characters of an address with a port; more cannot be one, and is not worth remembering."""


class Address(NamedTuple):
    """A client's address. `ip` never leaves memory; `prefix` (203.0.113.0/24, 2001:db8:1::/48) is what is stored."""

    ip: str
    prefix: str


UNKNOWN: Final = Address("", "")


def client_address(peer: str, forwarded: Sequence[str], trusted_proxies: int) -> Address:
    """The address of the client.

    Args:
        peer: the other end of the connection, `203.0.113.9:4711` or `[2001:db8::1]:4711`.
        forwarded: every X-Forwarded-For line, in order; not looked at without trusted proxies.
        trusted_proxies: how many proxies of ours stand in front. Each appends the address that it saw, so the N-th
            entry from the right is the last that one of them wrote; what is left of it anybody can make up.
    """
    if trusted_proxies:
        entries = ",".join(forwarded).rsplit(",", trusted_proxies)
        if len(entries) >= trusted_proxies and len(entries[-trusted_proxies]) <= _LONGEST:
            found = parse(entries[-trusted_proxies])
            if found is not UNKNOWN:
                return found
    return parse(peer)


# A connection's peer comes with each of its requests, and visitors come back; 16,384 addresses are about 4 MB.
@lru_cache(maxsize=16_384)
def parse(text: str) -> Address:
    """An address with or without a port, in one canonical form; UNKNOWN when it is none."""
    host, _, port = text.strip().partition(":")
    if ":" not in port:
        return _ipv4(host)
    return _ipv6(text.strip().removeprefix("[").partition("]")[0])


def _ipv4(text: str) -> Address:
    try:
        inet_pton(AF_INET, text)
    except (OSError, ValueError):  # ValueError: it holds a NUL or is not ASCII
        return UNKNOWN
    return Address(text, text.rpartition(".")[0] + ".0/24")


def _ipv6(text: str) -> Address:
    try:
        raw = inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return UNKNOWN
    if raw.startswith(_MAPPED):
        return _ipv4(inet_ntop(AF_INET, raw[12:]))
    return Address(inet_ntop(AF_INET6, raw), inet_ntop(AF_INET6, raw[:6] + bytes(10)) + "/48")
