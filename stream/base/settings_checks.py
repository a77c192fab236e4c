"""What a single setting must be besides its type. Each check returns the value, or raises ValueError with the fix."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from stream.base.key_list import KeyList


def readable_file(path: Path) -> Path:
    """A file that this user may read, now."""
    if not path.exists():
        raise ValueError("there is no such file; mend the path, or leave it out")
    if not path.is_file():
        raise ValueError("it is no file; mend the path, or leave it out")
    try:
        path.open("rb").close()
    except OSError as error:
        raise ValueError(f"it cannot be read ({error.strerror}); let the user of this process read it") from error
    return path


def directory_or_nothing(path: Path) -> Path:
    """A directory, or nothing yet: then it is made when something is kept in it."""
    if path.exists() and not path.is_dir():
        raise ValueError("it is there and no directory; name another, or move it away")
    return path


def certificates(path: Path | None) -> Path | None:
    """A file of certificates in PEM."""
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except ssl.SSLError as error:
            raise ValueError("it holds no certificate in PEM form; give the certificate authority's") from error
    return path


def broker_list(text: str) -> str:
    """host:port, several separated by commas."""
    for item in text.split(","):
        host, _, port = item.rpartition(":")
        if not host or host != host.strip() or not (port.isdecimal() and 0 < int(port) < 65_536):
            raise ValueError(f"{item!r} is not host:port; several are separated by commas, without spaces")
    return text


def address(url: str) -> str:
    """A URL whose host and port can be told."""
    try:
        parts = urlsplit(url)
        known = bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise ValueError("its host or port makes no sense; it looks like http://127.0.0.1:8123")
    return url


def keys_or_nothing(value: SecretStr) -> SecretStr:
    """A list of keys, or nothing: then they are made and kept below data.dir."""
    if value.get_secret_value():
        KeyList.parse(value.get_secret_value())
    return value
