import pytest

from stream.base.addresses import UNKNOWN, Address, client_address, parse


@pytest.mark.parametrize(
    ("text", "ip", "prefix"),
    [
        ("203.0.113.9:4711", "203.0.113.9", "203.0.113.0/24"),
        (" 203.0.113.9 ", "203.0.113.9", "203.0.113.0/24"),
        ("[2001:db8:1:2::3]:443", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("2001:0DB8:1:2:0:0:0:3", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("[::ffff:203.0.113.9]:80", "203.0.113.9", "203.0.113.0/24"),
    ],
)
def test_an_address_is_read_in_its_one_form_and_truncated(text: str, ip: str, prefix: str) -> None:
    assert parse(text) == Address(ip, prefix)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "unknown",
        "_hidden",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1.2.3.256",
        "[",
        "[]",
        "::g",
        "fe80::1%eth0",
        "é",
        "1.2.3.4\x00",
        "\x00",
        "::1\x00",
        "1" * 10000,
        ":" * 10000,
    ],
)
def test_what_is_no_address_is_unknown(text: str) -> None:
    assert parse(text) is UNKNOWN


@pytest.mark.parametrize("text", ["1.2.3.4\0", "\0", "::1\0", "1" * 10_000, ":" * 10_000])
def test_neither_is_what_was_made_to_harm(text: str) -> None:
    assert parse(text) is UNKNOWN


@pytest.mark.parametrize(
    ("proxies", "lines", "expected"),
    [
        (0, ["198.51.100.1"], "9.9.9.9"),
        (1, [], "9.9.9.9"),
        (1, ["198.51.100.1"], "198.51.100.1"),
        (1, ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        (1, ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        (2, ["6.6.6.6, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        (2, ["6.6.6.6", "198.51.100.1", "10.0.0.2"], "198.51.100.1"),
        (2, ["10.0.0.2"], "9.9.9.9"),
        (1, ["198.51.100.1, nonsense"], "9.9.9.9"),
        (1, ["198.51.100.1:5555"], "198.51.100.1"),
        (1, ["[2001:db8::7]:5555"], "2001:db8::7"),
        (1, ["," * 5000], "9.9.9.9"),
    ],
)
def test_the_client_is_the_nth_from_the_right_or_else_the_peer(proxies: int, lines: list[str], expected: str) -> None:
    assert client_address("9.9.9.9:1234", lines, proxies).ip == expected
