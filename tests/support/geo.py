"""Writes small city databases in the formats that operators have: MaxMind DB and ip2region xdb, for a few networks."""

import ipaddress
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_UINT16, _UINT32, _UINT64 = 5, 6, 9
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def write_mmdb(path: Path, records: Mapping[str, Any]) -> Path:
    """Write a MaxMind DB (format 2.0, IPv6 tree, 24-bit records) that maps CIDR networks to records."""
    tree: list[list[int | None]] = [[None, None]]
    data = b""
    for cidr, record in records.items():
        _insert(tree, _bits(ipaddress.ip_network(cidr)), len(data))
        data += _field(record)
    count = len(tree)
    nodes = b"".join(_pointer(side, count) for node in tree for side in node)
    metadata = {
        "binary_format_major_version": (_UINT16, 2),
        "binary_format_minor_version": (_UINT16, 0),
        "build_epoch": (_UINT64, 1_795_000_000),
        "database_type": "Test-City",
        "description": {"en": "made by a test"},
        "ip_version": (_UINT16, 6),
        "languages": ["en", "zh-CN"],
        "node_count": (_UINT32, count),
        "record_size": (_UINT16, 24),
    }
    path.write_bytes(nodes + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + _field(metadata))
    return path


def _bits(network: Network) -> str:
    """The network's prefix as bits of the 128-bit tree; IPv4 lives below ::/96."""
    if isinstance(network, ipaddress.IPv4Network):
        return "0" * 96 + f"{int(network.network_address):032b}"[: network.prefixlen]
    return f"{int(network.network_address):0128b}"[: network.prefixlen]


def _insert(tree: list[list[int | None]], bits: str, offset: int) -> None:
    """Negative entries are data offsets (as -1 - offset), others numbers of nodes."""
    node = 0
    for bit in bits[:-1]:
        following = tree[node][int(bit)]
        if following is None:
            tree.append([None, None])
            following = tree[node][int(bit)] = len(tree) - 1
        node = following
    tree[node][int(bits[-1])] = -1 - offset


def _pointer(entry: int | None, count: int) -> bytes:
    number = count if entry is None else entry if entry >= 0 else count + 16 - 1 - entry
    return number.to_bytes(3, "big")


def _field(value: Any) -> bytes:
    """One value of the data section: text, (kind, unsigned integer), map or array."""
    if isinstance(value, str):
        raw = value.encode()
        return _control(2, len(raw)) + raw
    if isinstance(value, tuple):
        kind, number = value
        encoded: bytes = number.to_bytes((number.bit_length() + 7) // 8, "big")
        return _control(kind, len(encoded)) + encoded
    if isinstance(value, dict):
        return _control(7, len(value)) + b"".join(_field(key) + _field(item) for key, item in value.items())
    return _control(11, len(value)) + b"".join(_field(item) for item in value)


def _control(kind: int, size: int) -> bytes:
    assert size < 285, "larger values need the longer forms"
    first = kind << 5 if kind <= 7 else 0
    extended = bytes([kind - 7]) if kind > 7 else b""
    return bytes([first | min(size, 29)]) + extended + (bytes([size - 29]) if size >= 29 else b"")


def write_xdb(path: Path, records: Mapping[str, str]) -> Path:
    """Write an ip2region database (structure 2, IPv4) that maps CIDR networks to their text."""
    networks = sorted((ipaddress.ip_network(cidr), text.encode()) for cidr, text in records.items())
    texts = b"".join(text for _, text in networks)
    start = 256 + 256 * 256 * 8
    index = b""
    vector: dict[int, list[int]] = {}
    offset = start
    for network, text in networks:
        assert network.prefixlen >= 16, "a wider network needs an entry in several rows of the vector"
        entry_at = start + len(texts) + len(index)
        row = vector.setdefault(int(network.network_address) >> 16, [entry_at, entry_at])
        row[1] = entry_at
        first, last = int(network.network_address), int(network.broadcast_address)
        index += struct.pack("<IIHI", first, last, len(text), offset)
        offset += len(text)
    table = bytearray(256 * 256 * 8)
    for row_number, (first_at, last_at) in vector.items():
        struct.pack_into("<II", table, row_number * 8, first_at, last_at)
    begin = start + len(texts)
    header = struct.pack("<HHIII", 2, 1, 1_795_000_000, begin, begin + len(index) - 14).ljust(256, b"\0")
    path.write_bytes(header + bytes(table) + texts + index)
    return path
