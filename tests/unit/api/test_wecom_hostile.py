"""Requests to a callback URL that are none of WeCom's, or broken: all are refused with 4xx, and nothing is kept."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from stream.wecom.callback import MAX_BODY
from stream.wecom.crypto import signature
from stream.wecom.xml import MAX_ELEMENTS
from tests.support import wecom
from tests.support.api import NOW, Api
from tests.support.wecom import CORP_ID, NONCE, TOKEN, encrypted, envelope, padded, plain, query, sealed

AT_S = NOW // 1000
URL = "/callbacks/wecom/brand"
MESSAGE = wecom.event(
    "change_external_contact", "add_external_contact", at_s=AT_S, UserID="zhangsan", ExternalUserID="wm1234567890"
)
SEALED = sealed(MESSAGE)
ECHO = sealed(b"1616140317555161061")
LAUGHS = b"""<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">]>
<xml><Encrypt>&c;</Encrypt><Event>&c;</Event></xml>"""
OUTSIDE = b"""<!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]><xml><Encrypt>&x;</Encrypt></xml>"""


@dataclass(frozen=True)
class Hostile:
    """One request."""

    name: str
    params: list[tuple[str, str]] | str
    body: bytes | None = field(default=None, repr=False)
    method: str = "POST"
    url: str = URL
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, api: Api) -> httpx.Response:
        query_text = self.params if isinstance(self.params, str) else urlencode(self.params)
        async with api.client({}) as client:
            return await client.request(
                self.method, f"{self.url}?{query_text}", content=self.body, headers=self.headers
            )


def pairs(encrypt: str = SEALED, at_s: int = AT_S, changed: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return list({**query(encrypt, at_s), **(changed or {})}.items())


def parameters() -> Iterator[Hostile]:
    """Wrong parameters, of a request that is good otherwise, both as a message and as a check of the URL."""
    wrong = {
        "msg_signature": [
            *("", "0", "0" * 39, "0" * 40, "0" * 41, "g" * 40, "签" * 40, "\x00" * 40, " " * 40, "%s" * 20),
            *(query(SEALED, AT_S)["msg_signature"].upper(), query(ECHO, AT_S)["msg_signature"].upper()),
        ],
        "timestamp": [
            *("", "0", "-1795334400", "1795334400.0", "0x6b02e280", "179533440", "17953344000", "１７９５３３４４００"),
            *(" 1795334400", "1795334400\n", "1e9", "nan", "99999999999999999999999999", "now"),
        ],
        "nonce": ["", "a b", "n" * 65, "随机", "1\r\nX: y", "\x00", "<xml>", "'; DROP TABLE clicks; --"],
    }
    for name, values in wrong.items():
        for number, value in enumerate(values):
            yield Hostile(f"{name} wrong {number}", pairs(changed={name: value}), envelope(SEALED))
            yield Hostile(
                f"{name} wrong in a check {number}",
                [*pairs(ECHO, changed={name: value}), ("echostr", ECHO)],
                method="GET",
            )
    for name in query(SEALED, AT_S):
        good = pairs()
        yield Hostile(f"{name} missing", [pair for pair in good if pair[0] != name], envelope(SEALED))
        yield Hostile(f"{name} twice", [*good, *(pair for pair in good if pair[0] == name)], envelope(SEALED))
        yield Hostile(f"{name} twice, one other", [(name, "x"), *good], envelope(SEALED))
        check = [*pairs(ECHO), ("echostr", ECHO)]
        yield Hostile(f"{name} missing in a check", [pair for pair in check if pair[0] != name], method="GET")
        yield Hostile(f"{name} twice in a check", [*check, (name, dict(check)[name])], method="GET")
    yield Hostile("no parameters", [], envelope(SEALED))
    yield Hostile("no parameters in a check", [], method="GET")
    yield Hostile("broken escapes", "msg_signature=%&timestamp=%zz&nonce=%e5%bc", envelope(SEALED))
    yield Hostile("thousands of parameters", "&".join(f"p{number}=1" for number in range(2_000)), envelope(SEALED))
    yield Hostile("parameters as arrays", str(httpx.QueryParams(dict(pairs()))).replace("=", "[]="), envelope(SEALED))


def signatures() -> Iterator[Hostile]:
    """Signed by somebody else, for something else, or for another time."""
    good = dict(pairs())
    others = {
        "another token": query(SEALED, AT_S, token="QDG6eL"),
        "no token": query(SEALED, AT_S, token=""),
        "another time": {**good, "timestamp": str(AT_S + 1)},
        "another nonce": {**good, "nonce": NONCE[:-1] + "0"},
        "time and nonce swapped": {**good, "timestamp": NONCE, "nonce": str(AT_S)},
        "of another text": query(ECHO, AT_S),
        "of the message unsealed": query(MESSAGE.decode(), AT_S),
        "of the parts unsorted": {**good, "msg_signature": signature("", "", "", TOKEN + str(AT_S) + NONCE + SEALED)},
    }
    for name, params in others.items():
        yield Hostile(f"signed: {name}", list(params.items()), envelope(SEALED))
    for name, at_s in {
        "6 minutes old": AT_S - 360,
        "301 seconds old": AT_S - 301,
        "301 seconds ahead": AT_S + 301,
        "a day old": AT_S - 86_400,
        "a year ahead": AT_S + 31_536_000,
        "of 2001": 1_000_000_000,
        "of 2286": 9_999_999_999,
    }.items():
        yield Hostile(f"stale: {name}", pairs(at_s=at_s), envelope(SEALED))
        yield Hostile(f"stale check: {name}", [*pairs(ECHO, at_s), ("echostr", ECHO)], method="GET")


SEALS = {
    "not base64": "not base64!",
    "base64 of other letters": SEALED[:-8] + "-_-_-_-_",
    "not ASCII": "微信" * 22,
    "one letter short": SEALED[:-1],
    "four letters short": SEALED[:-4],
    "half": SEALED[: len(SEALED) // 2],
    "half a block": encrypted(b"0" * 16),
    "one and a half blocks": encrypted(b"0" * 48),
    "one block of zeros": encrypted(bytes(32)),
    "padding of 0": encrypted(padded(b"x" * 40)[:-1] + b"\x00"),
    "padding of 33": encrypted(b"x" * 31 + b"\x21"),
    "padding of 255": encrypted(b"\xff" * 64),
    "padding that is not all the same": encrypted(b"x" * 30 + b"\x03\x03"),
    "padding alone": encrypted(b"\x20" * 32),
    "too short for a length": encrypted(padded(b"0" * 19)),
    "length beyond the end by one": encrypted(padded(plain(b"x", length=len(CORP_ID) + 2))),
    "length of 2**31": encrypted(padded(plain(MESSAGE, length=2**31))),
    "length of 2**32 - 1": encrypted(padded(plain(MESSAGE, length=2**32 - 1))),
    "length of 0": encrypted(padded(plain(MESSAGE, length=0))),
    "length one short": encrypted(padded(plain(MESSAGE, length=len(MESSAGE) - 1))),
    "length that takes in the receiver": encrypted(padded(plain(MESSAGE, length=len(MESSAGE) + len(CORP_ID)))),
    "another receiver": sealed(MESSAGE, receiver="ww0000000000000000"),
    "receiver and more": sealed(MESSAGE, receiver=CORP_ID + "0"),
    "receiver cut": sealed(MESSAGE, receiver=CORP_ID[:-1]),
    "receiver in capitals": sealed(MESSAGE, receiver=CORP_ID.upper()),
    "no receiver": sealed(MESSAGE, receiver=""),
    "another key": sealed(MESSAGE, key=bytes(32)),
    "blocks swapped": encrypted(padded(plain(MESSAGE))[::-1]),
}
MESSAGES = {
    "empty": b"",
    "no XML": b"hello",
    "JSON": b'{"Event":"change_external_contact"}',
    "billion laughs": LAUGHS,
    "an external entity": OUTSIDE,
    "a document type": b"<!DOCTYPE xml SYSTEM 'http://127.0.0.1:1/'>" + MESSAGE,
    "a parameter entity": b'<!DOCTYPE xml [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><xml/>',
    "an unknown entity": b"<xml><Event>&x;</Event></xml>",
    "not UTF-8": MESSAGE.replace(b"zhangsan", b"\xff\xfe"),
    "GB18030": MESSAGE.replace(b"zhangsan", "张三".encode("gb18030")),
    "UTF-16": MESSAGE.decode().encode("utf-16"),
    "a surrogate": MESSAGE.replace(b"zhangsan", b"\xed\xa0\x80"),
    "NUL": MESSAGE.replace(b"zhangsan", b"\x00"),
    "another root": MESSAGE.replace(b"xml>", b"html>"),
    "not closed": MESSAGE[:-6],
    "cut within a name": MESSAGE[:-3],
    "two documents": MESSAGE + MESSAGE,
    "rubbish behind": MESSAGE + b"<",
    "too deep": b"<xml>" + b"<a>" * 20 + b"</a>" * 20 + b"</xml>",
    "far too deep": b"<xml>" + b"<a>" * 10_000,
    "too many elements": b"<xml>" + b"<a/>" * (MAX_ELEMENTS + 1) + b"</xml>",
}
BODIES = {
    "empty": b"",
    "JSON": b'{"encrypt":"' + SEALED.encode() + b'"}',
    "no Encrypt": b"<xml><ToUserName>x</ToUserName></xml>",
    "Encrypt twice": envelope(SEALED).replace(b"</xml>", f"<Encrypt>{SEALED}</Encrypt></xml>".encode()),
    "Encrypt deeper": f"<xml><A><Encrypt>{SEALED}</Encrypt></A></xml>".encode(),
    "Encrypt empty": envelope(""),
    "encrypt in small letters": envelope(SEALED).replace(b"Encrypt", b"encrypt"),
    "Encrypt as an attribute": f'<xml Encrypt="{SEALED}"/>'.encode(),
    "the message unsealed": MESSAGE,
    "billion laughs": LAUGHS,
    "an external entity": OUTSIDE,
    "the text in an entity": f'<!DOCTYPE xml [<!ENTITY e "{SEALED}">]><xml><Encrypt>&e;</Encrypt></xml>'.encode(),
    "another root": envelope(SEALED).replace(b"xml>", b"html>"),
    "UTF-16": envelope(SEALED).decode().encode("utf-16"),
    "not UTF-8": b"\xff\xfe" + envelope(SEALED),
    "cut": envelope(SEALED)[:-20],
    "one byte too long": envelope(SEALED) + b" " * (MAX_BODY + 1 - len(envelope(SEALED))),
    "a megabyte": b"<xml><Encrypt>" + b"A" * 1_000_000 + b"</Encrypt></xml>",
    "a form": b"msg_signature=x&Encrypt=" + SEALED.encode(),
}
ECHOES = {
    "a message": SEALED,
    "empty": sealed(b""),
    "a page": sealed(b"<script>alert(1)</script>"),
    "a word with a line break": sealed(b"1616\n"),
    "a byte order mark": sealed(b"\xef\xbb\xbf1616"),
    "not ASCII": sealed("回显".encode()),
    "not UTF-8": sealed(b"\xff"),
    "too long": sealed(b"1" * 65),
}


def contents() -> Iterator[Hostile]:
    """Signed as WeCom signs, with wrong contents."""
    for name, text in SEALS.items():
        yield Hostile(f"sealed: {name}", pairs(text), envelope(text))
        yield Hostile(f"sealed check: {name}", [*pairs(text), ("echostr", text)], method="GET")
    for name, message in MESSAGES.items():
        yield Hostile(f"message: {name}", pairs(sealed(message)), envelope(sealed(message)))
    for name, body in BODIES.items():
        yield Hostile(f"body: {name}", pairs(), body)
    for name, text in ECHOES.items():
        yield Hostile(f"echo: {name}", [*pairs(text), ("echostr", text)], method="GET")
    yield Hostile("no echostr", pairs(ECHO), method="GET")
    yield Hostile("echostr twice", [*pairs(ECHO), ("echostr", ECHO), ("echostr", ECHO)], method="GET")
    yield Hostile("gzip", pairs(), b"\x1f\x8b" + envelope(SEALED), headers={"Content-Encoding": "gzip"})


def places() -> Iterator[Hostile]:
    """Good requests in the wrong place or in the wrong way."""
    for name in ("nobody", "BRAND", "brand%00", "brand%2f", "..%2fbrand", "brand/", "b" * 33, "品牌", "%20", "", "-"):
        yield Hostile(f"place: {name}", pairs(), envelope(SEALED), url=f"/callbacks/wecom/{name}")
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "HEAD", "TRACE"):
        yield Hostile(f"method: {method}", pairs(), envelope(SEALED), method=method)


ALL = [*parameters(), *signatures(), *contents(), *places()]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Api:
    folder: Path = tmp_path_factory.mktemp("wecom")
    return Api(environ={"GUIDESTREAM_WECOM_CONFIG_FILE": str(wecom.config_file(folder))})


@pytest.mark.parametrize("hostile", ALL, ids=lambda hostile: hostile.name)
async def test_it_is_refused_and_nothing_is_kept(api: Api, hostile: Hostile) -> None:
    answer = await hostile.send(api)
    assert 400 <= answer.status_code < 500, answer.text
    assert api.kept.records == []
    assert "zhangsan" not in answer.text, "what was sealed is not told"


async def test_the_same_without_the_fault_is_taken(tmp_path: Path) -> None:
    api = Api(environ={"GUIDESTREAM_WECOM_CONFIG_FILE": str(wecom.config_file(tmp_path))})
    assert (await Hostile("", pairs(), envelope(SEALED)).send(api)).text == "success"
    assert (await Hostile("", [*pairs(ECHO), ("echostr", ECHO)], method="GET").send(api)).status_code == 200
    assert len(api.kept.records) == 1


def test_there_are_many_forms() -> None:
    assert len({hostile.name for hostile in ALL}) == len(ALL) >= 150
