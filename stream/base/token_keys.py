"""The keys of click tokens: from the settings, or made once and kept below data.dir."""

import os
import secrets
from pathlib import Path

from stream.base.errors import SettingsError
from stream.base.key_list import KeyList
from stream.base.settings import Settings


def token_keys(settings: Settings) -> KeyList:
    """The keys in force, made now if there are none yet; all processes of this machine find the same.

    Raises:
        SettingsError: what the settings or the file hold is no list of keys; no key is shown.
    """
    found = known_token_keys(settings)
    if found is not None:
        return found
    try:
        _make(_path(settings))
    except OSError as error:
        raise _unusable(settings, error) from error
    found = known_token_keys(settings)
    assert found is not None
    return found


def known_token_keys(settings: Settings) -> KeyList | None:
    """The keys in force; None when there are none yet. Changes nothing.

    Raises:
        SettingsError: what the settings or the file hold is no list of keys; no key is shown.
    """
    text = settings.token.keys.get_secret_value()
    where = "GUIDESTREAM_TOKEN_KEYS"
    try:
        if not text:
            where = str(_path(settings))
            text = _path(settings).read_text(encoding="ascii", errors="replace")
        return KeyList.parse(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(settings, error) from error
    except ValueError as error:
        raise SettingsError(f"{where}: {error}") from error


def _path(settings: Settings) -> Path:
    return settings.data.dir / "token.keys"


def _unusable(settings: Settings, error: OSError) -> SettingsError:
    return SettingsError(
        f"the token keys cannot be kept in {_path(settings)} ({error.strerror}): make data.dir writable, or set "
        "GUIDESTREAM_TOKEN_KEYS"
    )


def _make(path: Path) -> None:
    """Make the file, readable by this user alone, unless another process has just done so."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
