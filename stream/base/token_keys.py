"""The keys of click tokens: from the settings, or made once and kept below data.dir."""

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from stream.base.errors import SettingsError
from stream.base.settings import Settings

_KEY: Final = re.compile(r"(?P<id>[0-9]|1[0-5]):(?P<hex>(?:[0-9a-fA-F]{2}){16,64})")


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """Two or more live at once while one is replaced: the first signs, all verify."""

    signing_id: int
    by_id: dict[int, bytes] = field(repr=False)

    @property
    def signing_key(self) -> bytes:
        """The key that signs."""
        return self.by_id[self.signing_id]


def token_keys(settings: Settings) -> TokenKeys:
    """The keys in force; all processes of this machine find the same.

    Raises:
        SettingsError: what the settings or the file hold is no list of keys; no key is shown.
    """
    text = settings.token.keys.get_secret_value()
    if text:
        return _parse(text, "GUIDESTREAM_TOKEN_KEYS")
    path = settings.data.dir / "token.keys"
    try:
        return _parse(_kept(path), str(path))
    except OSError as error:
        raise SettingsError(
            f"the token keys cannot be kept in {path} ({error.strerror}): make data.dir writable, or set "
            "GUIDESTREAM_TOKEN_KEYS"
        ) from error


def _parse(text: str, where: str) -> TokenKeys:
    keys: dict[int, bytes] = {}
    for place, item in enumerate(text.strip().split(","), start=1):
        found = _KEY.fullmatch(item.strip())
        if found is None:
            raise SettingsError(
                f"{where}: key {place} is not ID:HEX with an ID of 0-15 and 16-64 bytes of hex; make one with "
                "`openssl rand -hex 32`"
            )
        if int(found["id"]) in keys:
            raise SettingsError(f"{where}: key id {found['id']} is there twice; give each key an id of its own")
        keys[int(found["id"])] = bytes.fromhex(found["hex"])
    return TokenKeys(next(iter(keys)), keys)


def _kept(path: Path) -> str:
    """The text of the file; it is made, readable by this user alone, if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        scratch = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"1:{secrets.token_hex(32)}\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            # Of two processes that start at once, one makes the key and both use it.
            path.hardlink_to(scratch)
        except FileExistsError:
            pass
        finally:
            scratch.unlink()
    return path.read_text(encoding="ascii", errors="replace")
