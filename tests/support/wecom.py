"""WeCom's side of a callback: it seals, signs and sends messages; every step can be done wrongly."""

from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from schemas.token import Signer
from stream.wecom.callback import Corp
from stream.wecom.crypto import key_of, signature

CORP_ID: Final = "wx5823bf96d3bd56c7"
TOKEN: Final = "QDG6eK"
AES_KEY: Final = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
NONCE: Final = "1372623149"
CORP: Final = Corp("brand", CORP_ID, CORP_ID, token=TOKEN, key=key_of(AES_KEY))
CLICK: Final = Signer(1, bytes.fromhex("ab" * 32), edge=0).sign(7, 1_795_334_390_000, 1)
"""A click token, made with the key that tests have in their settings."""
CONFIG: Final = f"""\
[brand]
corp_id = "{CORP_ID}"
token = "{TOKEN}"
encoding_aes_key = "{AES_KEY}"
"""


def config_file(folder: Path, text: str = CONFIG) -> Path:
    """The operator's file."""
    path = folder / "wecom.toml"
    path.write_text(text, encoding="utf-8")
    return path


def padded(text: bytes) -> bytes:
    """PKCS#7 up to a multiple of 32 bytes."""
    count = 32 - len(text) % 32
    return text + bytes((count,)) * count


def plain(message: bytes, receiver: str = CORP_ID, *, length: int | None = None) -> bytes:
    """What is encrypted, before padding; `length` is the one that is said."""
    said = len(message) if length is None else length
    return b"0123456789abcdef" + said.to_bytes(4, "big") + message + receiver.encode()


def encrypted(text: bytes, key: bytes = CORP.key) -> str:
    """Whole blocks, as msg_encrypt."""
    encryptor = Cipher(AES(key), CBC(key[:16])).encryptor()
    return b64encode(encryptor.update(text) + encryptor.finalize()).decode()


def sealed(message: bytes, receiver: str = CORP_ID, key: bytes = CORP.key) -> str:
    """A message as msg_encrypt."""
    return encrypted(padded(plain(message, receiver)), key)


def envelope(encrypt: str) -> bytes:
    """The body of a request."""
    return (
        f"<xml><ToUserName><![CDATA[{CORP_ID}]]></ToUserName><Encrypt><![CDATA[{encrypt}]]></Encrypt>"
        "<AgentID><![CDATA[218]]></AgentID></xml>"
    ).encode()


def xml(**fields: Any) -> bytes:
    """A message as documented: numbers bare, texts as CDATA, tuples as a list of `Item`."""
    return f"<xml>{''.join(_element(name, value) for name, value in fields.items())}</xml>".encode()


def _element(name: str, value: Any) -> str:
    if isinstance(value, tuple):
        return f"<{name}>{''.join(_element('Item', item) for item in value)}</{name}>"
    return f"<{name}>{value if isinstance(value, int) else f'<![CDATA[{value}]]>'}</{name}>"


def event(name: str, change: str = "", *, at_s: int, **fields: Any) -> bytes:
    """An event of an application."""
    kind = {"ChangeType": change} if change else {}
    return xml(ToUserName=CORP_ID, FromUserName="sys", CreateTime=at_s, MsgType="event", Event=name, **kind, **fields)


def query(encrypt: str, at_s: int, nonce: str = NONCE, token: str = TOKEN) -> dict[str, str]:
    """The signed parameters of a request."""
    timestamp = str(at_s)
    return {
        "msg_signature": signature(token, timestamp, nonce, encrypt),
        "timestamp": timestamp,
        "nonce": nonce,
    }


@dataclass(frozen=True)
class Call:
    """One POST."""

    params: dict[str, str]
    body: bytes = field(repr=False)


def call(message: bytes, at_s: int, nonce: str = NONCE) -> Call:
    """A request that tells of this message."""
    encrypt = sealed(message)
    return Call(query(encrypt, at_s, nonce), envelope(encrypt))
