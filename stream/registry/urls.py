"""Destinations: public https addresses, in printable ASCII, that every browser reads the same way.

The edge sends people there, so an address that leads into somebody's own network, or that two parsers read differently
(userinfo, backslashes, numbers in odd spellings), is refused. Names are not looked up: what a name leads to may change
after any check.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from schemas.registry import MAX_URL
from stream.base.errors import InputError

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\]")
_UNSAFE_TEXT = re.compile(r"[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_KEPT: Final = "!#$%&'()*+,-./:;=?@[]_~"
"""What stays as it is in path, query and fragment; all else is percent-encoded."""
_PRIVATE_NAMES: Final = frozenset(
    {"localhost", "local", "internal", "intranet", "lan", "home", "corp", "private", "localdomain", "test", "invalid"}
)
"""Last labels that no public name has (RFC 2606, 6761, 6762, 8375) or that networks use inside."""
_PRIVATE_SUFFIXES: Final = (".home.arpa", ".in-addr.arpa", ".ip6.arpa", ".onion", ".cluster.local")
_NAT64 = IPv6Address("64:ff9b::").packed[:12]
_PUBLIC = "name a host that everybody on the internet can reach"


def check_url(text: str, field: str) -> str:
    """The address in the form in which it is kept.

    Raises:
        InputError: it is no public https address; says why and what to do.
    """
    text = text.strip(" ")
    if not text:
        raise InputError("is empty; give an address like https://shop.example.com/page", field=field)
    if _FORBIDDEN.search(text) or _UNSAFE_TEXT.search(text):
        raise InputError("has blanks, backslashes or invisible characters; percent-encode or remove them", field=field)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InputError(f"cannot be read as an address ({error}); check brackets and port", field=field) from error
    if parts.scheme.lower() != "https":
        raise InputError("must begin with https://", field=field)
    if "@" in parts.netloc:
        raise InputError("names a user; remove everything up to the @ before the host", field=field)
    host = _host(parts, field)
    if parts.netloc.endswith(":") or port == 0:
        raise InputError("has an impossible port; leave it out or give one from 1 to 65535", field=field)
    kept = f"https://{host}{f':{port}' if port not in (None, 443) else ''}{_rest(parts)}"
    if len(kept) > MAX_URL:
        raise InputError(f"has {len(kept)} characters in percent-encoded form, at most {MAX_URL} are kept", field=field)
    return kept


def query_names(url: str) -> set[str]:
    """Names of the query parameters of an address, decoded."""
    return {unquote(pair.partition("=")[0].replace("+", " ")) for pair in urlsplit(url).query.split("&") if pair}


def _rest(parts: SplitResult) -> str:
    path = quote(parts.path, safe=_KEPT) or "/"
    query = f"?{quote(parts.query, safe=_KEPT)}" if parts.query else ""
    fragment = f"#{quote(parts.fragment, safe=_KEPT)}" if parts.fragment else ""
    return path + query + fragment


def _host(parts: SplitResult, field: str) -> str:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        return f"[{_ipv6(host, field)}]"
    host = _ascii(host, field)
    last = host.rpartition(".")[2]
    if last.isdigit() or re.fullmatch(r"0x[0-9a-f]*", last):
        return _ipv4(host, field)
    labels = host.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels) or len(host) > 253:
        raise InputError(f"host {host[:80]!r} is no name: letters, digits, hyphens, single dots between", field=field)
    if len(labels) == 1 or last in _PRIVATE_NAMES or f".{host}".endswith(_PRIVATE_SUFFIXES):
        raise InputError(f"host {host!r} is a name inside a network; {_PUBLIC}", field=field)
    return host


def _ascii(host: str, field: str) -> str:
    """The host in lower case; Chinese and other names in the form that the domain name system uses."""
    if host.isascii():
        return host.lower()
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InputError(f"host {host[:80]!r} is no domain name; write it in its xn-- form", field=field) from error


def _ipv4(host: str, field: str) -> str:
    # Browsers read 127.1, 0x7f000001, 2130706433 and 017700000001 as addresses too: only the one plain form is let in.
    try:
        address = IPv4Address(host)
    except ValueError as error:
        raise InputError(f"host {host[:80]!r} is an IP address in an odd spelling; {_PUBLIC}", field=field) from error
    return _public(address, address, field)


def _ipv6(host: str, field: str) -> str:
    try:
        address = IPv6Address(host)
    except ValueError as error:
        raise InputError(f"host {host[:80]!r} is no IPv6 address", field=field) from error
    if address.scope_id:
        raise InputError(f"host {host!r} has a zone; {_PUBLIC}", field=field)
    for inner in _embedded(address):
        _public(inner, address, field)
    return _public(address, address, field)


def _embedded(address: IPv6Address) -> list[IPv4Address]:
    """IPv4 addresses that are reached through this one."""
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address.packed[:12] in (_NAT64, bytes(12)):
        found.append(IPv4Address(address.packed[12:]))
    return [inner for inner in found if inner is not None]


def _public(address: IPv4Address | IPv6Address, shown: IPv4Address | IPv6Address, field: str) -> str:
    if not address.is_global or address.is_multicast or address.is_reserved:
        raise InputError(f"host {shown} is a private or reserved address; {_PUBLIC}", field=field)
    return str(address)
