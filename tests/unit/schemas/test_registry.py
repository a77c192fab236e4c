import pytest

from schemas.registry import MAX_RECORD_BYTES, Link, Owner, decode_record, encode_record
from schemas.rejects import Reject
from tests.support.registry import link, owned

LINK = b'{"v":1,"code":"x","number":1,"kind":"web","url":"https://a.cn"}'


def rejected(value: bytes, key: bytes | None = b"link:x") -> str:
    with pytest.raises(Reject) as caught:
        decode_record(key, value)
    return caught.value.reason


def test_an_owner_holds_a_link_from_their_time_on() -> None:
    moved = link(owners=(Owner("ada", 10), Owner("", 20), Owner("bob", 30)))
    assert [moved.owner_at(at) for at in (9, 10, 19, 20, 29, 30, 10**15)] == ["", "ada", "ada", "", "", "bob", "bob"]


def test_defaults_are_left_out_of_the_bytes() -> None:
    assert encode_record(Link("x", 1, "web", "https://a.cn"))[1] == LINK


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (b'"number":0', "out_of_range"),
        (b'"number":4294967296', "out_of_range"),
        (b'"number":1.5', "wrong_type"),
        (b'"number":true', "wrong_type"),
        (b'"number":"1"', "wrong_type"),
        (b'"kind":"ftp"', "out_of_range"),
        (b'"url":"http://a.cn"', "out_of_range"),
        (b'"url":"https://a.cn/\\r\\nSet-Cookie: a=b"', "out_of_range"),
        (b'"url":"https://a.cn/\\n"', "out_of_range"),
        (b'"url":"https://a.cn\\n"', "out_of_range"),
        (b'"url":"https://a.cn/ b"', "out_of_range"),
        (b'"url":"javascript:alert(1)"', "out_of_range"),
        (b'"url":"https://a.cn/' + b"a" * 2048 + b'"', "out_of_range"),
        (b'"fallback_url":"//a.cn"', "out_of_range"),
        (b'"status":301', "out_of_range"),
        (b'"hours":[0]', "out_of_range"),
        (b'"hours":[0,1441]', "out_of_range"),
        (b'"owners":[{"guide_id":"a","from_ms":5},{"guide_id":"b","from_ms":5}]', "out_of_range"),
        (b'"owners":[{"guide_id":"a b","from_ms":5}]', "out_of_range"),
        (b'"owners":{}', "wrong_type"),
        (b'"utm":{"utm_evil":"x"}', "out_of_range"),
        (b'"platform_urls":{"fax":"https://a.cn"}', "out_of_range"),
        (b'"country_urls":{"cn":"https://a.cn"}', "out_of_range"),
        (b'"pass_params":["a=b"]', "out_of_range"),
        (b'"variants":[{"name":"a","weight":0,"url":"https://a.cn"}]', "out_of_range"),
        (b'"code":"y"', "out_of_range"),
        (b'"code":"../etc"', "out_of_range"),
        (b'"v":2', "unknown_version"),
        (b'"disabled":"yes"', "wrong_type"),
    ],
)
def test_a_field_that_breaks_the_contract_is_refused(change: bytes, reason: str) -> None:
    # Of a name given twice the last value counts.
    assert rejected(LINK[:-1] + b"," + change + b"}") == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b"[", "not_json"),
        (b'"\xff"', "not_utf8"),
        (b'{"v":1,"code":NaN}', "not_json"),
        (b"[]", "not_object"),
        (b"null", "not_object"),
        (b"{}", "unknown_version"),
        (b'{"v":1}', "missing_field"),
        (b'{"v":1,"x":' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
        (LINK + b" " * MAX_RECORD_BYTES, "too_large"),
    ],
)
def test_what_is_no_record_is_refused_with_its_reason(value: bytes, reason: str) -> None:
    assert rejected(value) == reason


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (None, "missing_field"),
        (b"", "missing_field"),
        (b"x", "out_of_range"),
        (b"link", "out_of_range"),
        (b"link:", "out_of_range"),
        (b"user:x", "out_of_range"),
        ("link:短".encode(), "out_of_range"),
        (b"link:\xff", "out_of_range"),
        (b"link:" + b"x" * 200, "too_large"),
    ],
)
def test_a_key_that_names_nothing_is_refused(key: bytes | None, reason: str) -> None:
    assert rejected(LINK, key) == reason


def test_the_longest_link_fits_into_a_record() -> None:
    url = "https://a.cn/".ljust(2048, "x")
    countries = tuple((f"{a}{b}", url) for a in "ABCDEFGH" for b in "ABCDEFGH")
    key, value = encode_record(owned("g", url=url, fallback_url=url, country_urls=countries))
    assert value is not None
    decode_record(key, value)
