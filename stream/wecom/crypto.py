"""How WeCom signs and seals a message, the receiving side. Pure.

After 加解密方案说明 (developer.work.weixin.qq.com/document/path/90968)::

    msg_signature = hex(sha1(concat(sorted(token, timestamp, nonce, msg_encrypt))))
    msg_encrypt   = base64(AES-256-CBC(key, iv = key[:16], pad32(random(16) + uint32be(len(msg)) + msg + receiveid)))
    key           = base64(EncodingAESKey + "=")

The signature is checked before anything is decrypted, so what is said about a sealed text tells a stranger nothing.
"""

import binascii
import hmac
from base64 import b64decode
from hashlib import sha1
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from stream.wecom.refusal import Refused

KEY_TEXT: Final = 43
"""Characters of an EncodingAESKey."""
PAD_BLOCK: Final = 32
"""PKCS#7 up to a multiple of this, not of AES's 16."""
_RANDOM: Final = 16
_LENGTH: Final = 4


def key_of(encoding_aes_key: str) -> bytes:
    """The AES key of an EncodingAESKey of 43 letters and digits (32 bytes and two bits that nobody reads)."""
    return b64decode(encoding_aes_key + "=")


def signature(token: str, timestamp: str, nonce: str, sealed: str) -> str:
    """`msg_signature` of these parts."""
    text = "".join(sorted((token, timestamp, nonce, sealed)))
    return sha1(text.encode(), usedforsecurity=False).hexdigest()  # WeCom's choice


def is_signed(msg_signature: str, token: str, timestamp: str, nonce: str, sealed: str) -> bool:
    """Whether the signature is that of the parts; compared in constant time."""
    return hmac.compare_digest(msg_signature.encode(), signature(token, timestamp, nonce, sealed).encode())


def unseal(sealed: str, key: bytes, receiver: str) -> bytes:
    """The message in `sealed`, whose signature was checked.

    Raises:
        Refused: `sealed` when it is not sealed as documented, `receiver` when it is for another receiver.
    """
    text = _unpadded(_decrypted(_decoded(sealed), key))
    if len(text) < _RANDOM + _LENGTH:
        raise Refused("sealed", "too short for the random bytes and the length in front of a message")
    length = int.from_bytes(text[_RANDOM : _RANDOM + _LENGTH], "big")
    rest = text[_RANDOM + _LENGTH :]
    if length > len(rest):
        raise Refused("sealed", "the message is said to be longer than what is there")
    if not hmac.compare_digest(rest[length:], receiver.encode()):
        raise Refused("receiver", "sealed for another receiver; is corp_id (for a suite: receiver) right?")
    return rest[:length]


def _decoded(sealed: str) -> bytes:
    try:
        cipher = b64decode(sealed.encode(), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Refused("sealed", "not base64") from None
    if not cipher or len(cipher) % PAD_BLOCK:
        raise Refused("sealed", f"not a whole number of blocks of {PAD_BLOCK} bytes")
    return cipher


def _decrypted(cipher: bytes, key: bytes) -> bytes:
    decryptor = Cipher(AES(key), CBC(key[:16])).decryptor()
    return decryptor.update(cipher) + decryptor.finalize()


def _unpadded(text: bytes) -> bytes:
    count = text[-1]
    if not 1 <= count <= PAD_BLOCK or text[-count:] != bytes((count,)) * count:
        raise Refused("sealed", f"not padded up to a multiple of {PAD_BLOCK} bytes")
    return text[:-count]
