"""Standard Webhooks: the specification's own vectors, and what must not pass."""

import base64

import pytest

from stream.api.signatures import SECRET_BYTES, Signed, read_secret, sign

# Of the specification's libraries (standard-webhooks 1.0.0, "sign function works").
VECTOR_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
VECTOR_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
VECTOR_SECONDS = 1614265330
VECTOR_BODY = b'{"test": 2432232314}'
VECTOR_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
FOREIGN = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
KEY = read_secret(VECTOR_SECRET)


def verified(signature: str, body: bytes = VECTOR_BODY, id_: str = VECTOR_ID, seconds: object = VECTOR_SECONDS) -> bool:
    signed = Signed.read([id_], [str(seconds)], [signature])
    return signed is not None and signed.by_one_of([KEY], body)


def test_the_specifications_vector_is_signed_and_verified() -> None:
    assert sign(KEY, VECTOR_ID, VECTOR_SECONDS, VECTOR_BODY) == VECTOR_SIGNATURE
    assert verified(VECTOR_SIGNATURE)


def test_one_good_signature_among_others_is_enough() -> None:
    assert verified(f"v1,{FOREIGN} v2,{FOREIGN} v1a,{FOREIGN} {VECTOR_SIGNATURE} v1,{FOREIGN}")


def test_either_of_two_live_secrets_verifies() -> None:
    signed = Signed.read([VECTOR_ID], [str(VECTOR_SECONDS)], [VECTOR_SIGNATURE])
    assert signed is not None
    assert signed.by_one_of([b"n" * 32, KEY], VECTOR_BODY)
    assert signed.by_one_of([KEY, b"n" * 32], VECTOR_BODY)
    assert not signed.by_one_of([b"n" * 32], VECTOR_BODY)
    assert not signed.by_one_of([], VECTOR_BODY)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "v1,",
        "v1",
        VECTOR_SIGNATURE[:8],
        VECTOR_SIGNATURE[:-1],
        VECTOR_SIGNATURE + "=",
        VECTOR_SIGNATURE.replace("v1,", "v2,"),
        VECTOR_SIGNATURE.replace("v1,", "v1a,"),
        VECTOR_SIGNATURE.replace("v1,", ""),
        VECTOR_SIGNATURE.replace("v1,", "V1,"),
        VECTOR_SIGNATURE.swapcase(),
        f"v1,{FOREIGN}",
        "v1,签名",
        "v1,\xff\xfe",
        ",".join(["v1"] * 40),
        " ".join([VECTOR_SIGNATURE] * 17),
        "v1," + "A" * 5000 + " " + VECTOR_SIGNATURE,
        f"{VECTOR_SIGNATURE},{VECTOR_SIGNATURE}",
    ],
)
def test_what_is_not_the_signature_does_not_pass(signature: str) -> None:
    assert not verified(signature)


@pytest.mark.parametrize("at", range(0, len(VECTOR_BODY), 3))
def test_a_changed_byte_of_the_body_does_not_pass(at: int) -> None:
    changed = bytearray(VECTOR_BODY)
    changed[at] ^= 1
    assert not verified(VECTOR_SIGNATURE, bytes(changed))
    assert not verified(VECTOR_SIGNATURE, VECTOR_BODY[:at])


def test_id_and_time_are_signed_too() -> None:
    assert not verified(VECTOR_SIGNATURE, id_="msg_p5jXN8AQM9LWM0D4loKWxJel")
    assert not verified(VECTOR_SIGNATURE, seconds=VECTOR_SECONDS + 1)


def test_where_the_id_ends_cannot_be_moved() -> None:
    moved = Signed.read([f"{VECTOR_ID}.{VECTOR_SECONDS}"], ["5"], [VECTOR_SIGNATURE])
    assert moved is None


@pytest.mark.parametrize(
    ("id_", "seconds"),
    [
        ("", "1614265330"),
        ("a b", "1614265330"),
        ("a\tb", "1614265330"),
        ("消息", "1614265330"),
        ("x" * 257, "1614265330"),
        ("msg", ""),
        ("msg", "hello"),
        ("msg", "-1614265330"),
        ("msg", "+1614265330"),
        ("msg", "1614265330.5"),
        ("msg", "1e9"),
        ("msg", "１６１４２６５３３０"),
        ("msg", " 1614265330"),
        ("msg", "9" * 13),
    ],
)
def test_headers_that_are_not_well_formed_are_none(id_: str, seconds: str) -> None:
    assert Signed.read([id_], [seconds], [VECTOR_SIGNATURE]) is None


@pytest.mark.parametrize("times", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (2, 1, 1), (1, 2, 1), (1, 1, 2)])
def test_each_header_is_there_once(times: tuple[int, int, int]) -> None:
    values = ([VECTOR_ID], [str(VECTOR_SECONDS)], [VECTOR_SIGNATURE])
    assert Signed.read(*(value * count for value, count in zip(values, times, strict=True))) is None


@pytest.mark.parametrize(
    ("off_ms", "fresh"), [(0, True), (300_000, True), (-300_000, True), (300_001, False), (-300_001, False)]
)
def test_five_minutes_either_way_are_fresh(off_ms: int, fresh: bool) -> None:  # noqa: FBT001
    signed = Signed.read([VECTOR_ID], [str(VECTOR_SECONDS)], [VECTOR_SIGNATURE])
    assert signed is not None
    assert signed.fresh(VECTOR_SECONDS * 1000 + off_ms) is fresh


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with"),
        ("whsec_REPLACE-ME", "not base64"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "24 to 64"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "24 to 64"),
        ("whsec_密钥", "not base64"),
    ],
)
def test_what_is_no_secret_is_refused_without_showing_it(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        read_secret(text)
    assert text[6:14] == "" or text[6:14] not in str(caught.value)
    assert range(24, 65) == SECRET_BYTES
