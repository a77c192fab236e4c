"""One request of WeCom's: believed or refused, and opened. Pure.

After 回调配置 (developer.work.weixin.qq.com/document/path/90930). The steps, in this order: form of the parameters ->
signature -> time -> seal -> receiver -> message.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from stream.wecom import crypto, xml
from stream.wecom.refusal import Refused
from stream.wecom.xml import Message

FRESH_MS: Final = 5 * 60_000
MAX_BODY: Final = 128 * 1024
"""Bytes of a request; the longest documented message, 500 members who joined a group, takes about 40 KiB sealed."""
_ECHO: Final = re.compile(rb"[A-Za-z0-9_-]{1,64}")
_FORMS: Final = {
    "msg_signature": re.compile(r"[0-9a-f]{40}"),
    "timestamp": re.compile(r"[0-9]{10}"),
    "nonce": re.compile(r"[A-Za-z0-9_-]{1,64}"),
}


@dataclass(frozen=True, slots=True)
class Corp:
    """One callback URL: what the operator gave WeCom's console for it, and who the messages are for."""

    name: str
    """Last part of the URL."""
    corp_id: str
    receiver: str
    """`receiveid` of the seal: the corp id, or the suite's id for the command callback of a third-party suite."""
    token: str = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """The parameters that come with every request."""

    msg_signature: str
    timestamp: str
    nonce: str

    def __post_init__(self) -> None:
        """Raise Refused when one of them has not its form."""
        for name, form in _FORMS.items():
            if not form.fullmatch(getattr(self, name)):
                raise Refused("form", f"{name}: must match {form.pattern}")


def open_echo(corp: Corp, proof: Proof, echostr: str, now_ms: int) -> str:
    """What the URL check (GET) must be answered with.

    A sealed message is signed as an echo is. Only what can be an echo is told, or who overhears a message could have
    it read out by sending it here.

    Raises:
        Refused: with the reason.
    """
    _believe(corp, proof, echostr, now_ms)
    echo = crypto.unseal(echostr, corp.key, corp.receiver)
    if not _ECHO.fullmatch(echo):
        raise Refused("message", "echostr holds something else than the text of a URL check")
    return echo.decode()


def open_message(corp: Corp, proof: Proof, body: bytes, now_ms: int) -> Message:
    """The message in a request's body (POST), which is `<xml>...<Encrypt>msg_encrypt</Encrypt></xml>`.

    Raises:
        Refused: with the reason.
    """
    sealed = xml.read(body, "form").fields.get("Encrypt", ())
    if len(sealed) != 1:
        raise Refused("form", "the body must have Encrypt, once")
    _believe(corp, proof, sealed[0], now_ms)
    return xml.read(crypto.unseal(sealed[0], corp.key, corp.receiver), "message")


def _believe(corp: Corp, proof: Proof, sealed: str, now_ms: int) -> None:
    if not crypto.is_signed(proof.msg_signature, corp.token, proof.timestamp, proof.nonce, sealed):
        raise Refused("signature", "msg_signature is not that of this corp's token and these parts")
    if abs(int(proof.timestamp) * 1000 - now_ms) > FRESH_MS:
        raise Refused("stale", f"timestamp is more than {FRESH_MS // 1000} s from the clock here")
