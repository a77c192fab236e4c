"""What must not pass for a click, and the reason each must be given: one list for all tests that feed bad input."""

from typing import NamedTuple

from schemas.clicks import MAX_CLICK_BYTES
from schemas.rejects import Reason
from tests.support.events import AT_MS, click, encode

FUTURE_MS = 300_000
"""The limit that `future` below goes beyond: the default of `worker.future_ms`."""


class Poison(NamedTuple):
    """One bad value of the topic `clicks`."""

    name: str
    value: bytes | None
    reason: Reason


_GOOD = encode(click())


def _with(raw: bytes) -> bytes:
    """A good click with one more field, whose value is raw bytes."""
    return _GOOD[:-1] + b',"more":' + raw + b"}"


def _ts(raw: bytes) -> bytes:
    return _GOOD.replace(b'"ts":' + str(AT_MS).encode(), b'"ts":' + raw)


def corpus(append_ms: int = AT_MS) -> list[Poison]:
    """All of it; `append_ms` is the earliest time at which the broker may append the records."""
    hour_ahead = str(append_ms + 3_600_000).encode()
    return [
        Poison("null", None, "null"),
        Poison("a megabyte", b'{"v":1,"id":"' + b"x" * (1 << 20) + b'"}', "too_large"),
        Poison("a byte too long", _with(b'"' + b"x" * (MAX_CLICK_BYTES - len(_GOOD) - 9) + b'"'), "too_large"),
        Poison("empty", b"", "not_json"),
        Poison("blank", b"   ", "not_json"),
        Poison("plain text", "你好".encode(), "not_json"),
        Poison("cut off", _GOOD[: len(_GOOD) // 2], "not_json"),
        Poison("two objects", _GOOD + _GOOD, "not_json"),
        Poison("single quotes", _GOOD.replace(b'"', b"'"), "not_json"),
        Poison("trailing comma", _GOOD[:-1] + b",}", "not_json"),
        Poison("byte order mark", b"\xef\xbb\xbf" + _GOOD, "not_json"),
        Poison("NaN", _ts(b"NaN"), "not_json"),
        Poison("Infinity", _with(b"Infinity"), "not_json"),
        Poison("half a surrogate pair", _GOOD.replace(b'"east"', rb'"\ud83d"'), "not_json"),
        Poison("a control character", _GOOD.replace(b'"east"', b'"ea\x00st"'), "not_json"),
        Poison("the version twice", b'{"v":2,' + _GOOD[1:], "not_json"),
        Poison("random bytes", bytes(range(128, 256)), "not_utf8"),
        Poison("GBK", '{"v":1,"region":"华东"}'.encode("gbk"), "not_utf8"),
        Poison("UTF-16", _GOOD.decode().encode("utf-16"), "not_utf8"),
        Poison("a bad byte in a known field", _GOOD.replace(b'"east"', b'"ea\xffst"'), "not_utf8"),
        Poison("a bad byte in an unknown field", _with(b'"\xc3\x28"'), "not_utf8"),
        Poison("a surrogate in UTF-8", _with(b'"\xed\xa0\x80"'), "not_utf8"),
        Poison("nine levels", _with(b"[" * 8 + b"]" * 8), "too_deep"),
        Poison("seven thousand levels", b"[" * 7_000 + b"]" * 7_000, "too_deep"),
        Poison("levels without end", b'{"v":' * 2_000, "too_deep"),
        Poison("an array", b"[" + _GOOD + b"]", "not_object"),
        Poison("a number", b"17", "not_object"),
        Poison("a JSON null", b"null", "not_object"),
        Poison("a string", b'"click"', "not_object"),
        Poison("version 2", encode(click(v=2)), "unknown_version"),
        Poison("version 0", encode(click(v=0)), "unknown_version"),
        Poison("version -1", encode(click(v=-1)), "unknown_version"),
        Poison("no version", encode(click(v=None)), "missing_field"),
        Poison("empty object", b"{}", "missing_field"),
        *(
            Poison(f"no {name}", encode(click(**{name: None})), "missing_field")
            for name in ("id", "ts", "link", "kind", "outcome", "fetch", "visitor", "visitor_kind")
        ),
        Poison("version as text", encode(click(v="1")), "wrong_type"),
        Poison("version as a fraction", _GOOD.replace(b'"v":1', b'"v":1.0'), "wrong_type"),
        Poison("version true", encode(click(v=True)), "wrong_type"),
        Poison("time as text", encode(click(ts=str(AT_MS))), "wrong_type"),
        Poison("time as a fraction", _ts(b"1795000000000.5"), "wrong_type"),
        Poison("time true", _ts(b"true"), "wrong_type"),
        Poison("time null", _ts(b"null"), "wrong_type"),
        Poison("id as a number", encode(click(id=17)), "wrong_type"),
        Poison("link as an object", encode(click(link={"code": "a8Xk2Pq"})), "wrong_type"),
        Poison("user agent as a list", encode(click(ua=["Mozilla/5.0"])), "wrong_type"),
        Poison("guide null", _GOOD.replace(b'"g-017"', b"null"), "wrong_type"),
        Poison("outcome as a number", encode(click(outcome=302)), "wrong_type"),
        Poison("an integer of 20 digits", _ts(b"9" * 20), "out_of_range"),
        Poison("an integer of 300 digits", _ts(b"9" * 300), "out_of_range"),
        Poison("the year 2055", _ts(b"2682374400000"), "out_of_range"),
        Poison("id too short", encode(click(id="EAAAAAEJ")), "out_of_range"),
        Poison("id too long", encode(click(id="E" * 31)), "out_of_range"),
        Poison("empty link", encode(click(link="")), "out_of_range"),
        Poison("empty visitor", encode(click(visitor="")), "out_of_range"),
        Poison("guide too long", encode(click(guide="导" * 65)), "out_of_range"),
        Poison("user agent too long", encode(click(ua="M" * 513)), "out_of_range"),
        Poison("referrer too long", encode(click(ref="https://" + "a" * 505)), "out_of_range"),
        Poison("UTM too long", encode(click(utm_term="u" * 129)), "out_of_range"),
        Poison("an unknown outcome", encode(click(outcome="vanished")), "out_of_range"),
        Poison("an unknown fetch", encode(click(fetch="Navigate")), "out_of_range"),
        Poison("an unknown kind", encode(click(kind="ftp")), "out_of_range"),
        Poison("an unknown trigger", encode(click(trigger="nfc")), "out_of_range"),
        Poison("an hour ahead", _ts(hour_ahead), "future"),
        Poison("the year 2019", _ts(b"1577836799999"), "past"),
        Poison("1970", _ts(b"0"), "past"),
        Poison("before 1970", _ts(b"-1"), "past"),
        Poison("seconds instead of milliseconds", _ts(b"1795000000"), "past"),
    ]
