"""Keys that a setting gives, or that are made once and kept below data.dir for all processes of this machine."""

import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from stream.base.errors import SettingsError
from stream.base.key_list import KeyList


@dataclass(frozen=True, slots=True)
class KeptKeys:
    """Where one list of keys comes from."""

    what: str
    """What they are, for people: `token keys`."""
    variable: str
    text: str = field(repr=False)
    """The setting's value; empty when the file counts."""
    path: Path

    def found(self) -> KeyList:
        """The keys in force, made now if there are none yet; all processes of this machine find the same.

        Raises:
            SettingsError: what the setting or the file holds is no list of keys; no key is shown.
        """
        known = self.known()
        if known is not None:
            return known
        try:
            _make(self.path)
        except OSError as error:
            raise self._unusable(error) from error
        known = self.known()
        assert known is not None
        return known

    def known(self) -> KeyList | None:
        """The keys in force; None when there are none yet. Changes nothing.

        Raises:
            SettingsError: what the setting or the file holds is no list of keys; no key is shown.
        """
        try:
            return KeyList.parse(self.text or self.path.read_text(encoding="ascii", errors="replace"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        except ValueError as error:
            raise SettingsError(f"{self.variable if self.text else self.path}: {error}") from error

    def _unusable(self, error: OSError) -> SettingsError:
        return SettingsError(
            f"the {self.what} cannot be kept in {self.path} ({error.strerror}): make data.dir writable, or set "
            f"{self.variable}"
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
