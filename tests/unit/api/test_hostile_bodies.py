"""Hundreds of malformed bodies and forged tokens: none is an error of ours, and none gets in wrongly."""

import gzip
import random
from collections.abc import Iterator

import orjson

from schemas.conversions import decode_conversion, encode_conversion
from schemas.token import TEXT_LENGTH, Signer
from tests.support.api import NOW, Api
from tests.support.api_events import order

GOOD = orjson.dumps([order(1), order(2, properties={"phone": "13800138000", "备注": "好"})])
LINES = b"\n".join(orjson.dumps(order(number)) for number in range(3, 6))
PIECES = (
    *(
        b"",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b'"',
        b"\\",
        b"\0",
        b"\n",
        b"\r",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
    ),
    *(
        b"NaN",
        b"Infinity",
        b"-0",
        b"1e999",
        b"9" * 400,
        b"null",
        b"true",
        rb"\ud83d",
        rb"\u0000",
        b'"v":2',
        b"//",
        b"'",
    ),
    *(
        b"[" * 5_000,
        b'{"a":' * 5_000,
        b'"' * 300,
        b"," * 5_000,
        b"\n" * 5_000,
        "导购".encode("gb18030"),
        b"\x1f\x8b\x08",
    ),
)
EXPECTED = {202, 400, 413, 415, 422}


def malformed(good: bytes, rng: random.Random) -> Iterator[bytes]:
    """Cut, pierced, bent and doubled."""
    yield from PIECES
    for _ in range(180):
        place = rng.randrange(len(good))
        yield good[:place]
        yield good[:place] + rng.choice(PIECES) + good[place + rng.randrange(4) :]
        yield good[:place] + bytes([good[place] ^ 1 << rng.randrange(8)]) + good[place + 1 :]
    yield from (rng.randbytes(rng.randrange(500)) for _ in range(20))
    yield good + good
    yield good.decode().encode("utf-16")


async def test_malformed_bodies_get_in_only_where_an_event_in_them_is_still_good() -> None:
    rng = random.Random(5)
    api = Api(environ={"GUIDESTREAM_API_MAX_EVENTS": "1000", "GUIDESTREAM_API_EVENTS_PER_SECOND": "10000000"})
    sent = accepted = 0
    async with api.client() as client:
        for media_type, good in (("application/json", GOOD), ("application/x-ndjson", LINES)):
            for body in malformed(good, rng):
                packed = rng.random() < 0.2
                answer = await client.post(
                    "/v1/events",
                    content=gzip.compress(body, 1) if packed else body,
                    headers={"Content-Type": media_type} | ({"Content-Encoding": "gzip"} if packed else {}),
                )
                assert answer.status_code in EXPECTED, (body[:200], answer.text)
                accepted += answer.json()["accepted"] if answer.status_code == 202 else 0
                sent += 1
    assert sent >= 500
    assert accepted == len(api.kept.records)
    for _, value in api.kept.records:
        assert decode_conversion(encode_conversion(value), NOW, 300_000, currency="CNY") == value  # type: ignore[arg-type]
        assert "13800138000" not in str(value)


async def test_no_forged_token_opens_the_door() -> None:
    rng = random.Random(6)
    api = Api(environ={"GUIDESTREAM_API_COLLECT_PER_MINUTE": "1000000", "GUIDESTREAM_API_COLLECT_PER_SECOND": "100000"})
    token = Signer(1, b"\xab" * 32, 3).sign(77, NOW - 60_000, 5)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/ .\0é导"
    forged = {
        *(token[:place] + rng.choice(letters) + token[place + 1 :] for place in range(TEXT_LENGTH) for _ in range(14)),
        *(token[:length] for length in range(TEXT_LENGTH)),
        *("".join(rng.choices(letters, k=TEXT_LENGTH)) for _ in range(60)),
        *(Signer(key, rng.randbytes(32), 3).sign(77, NOW, 5) for key in range(16) for _ in range(3)),
        token + "A",
        token + "\n",
        token * 2,
        token.lower(),
    } - {token}
    assert len(forged) >= 500
    async with api.client({"Content-Type": "text/plain"}) as client:
        for text in forged:
            body = orjson.dumps({"type": "page_view", "event_id": "a", "token": text})
            assert (await client.post("/v1/collect", content=body)).status_code == 422
    assert api.kept.records == []
