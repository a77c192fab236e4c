"""The keys of click tokens: from the settings, or made once and kept below data.dir."""

from stream.base.kept_keys import KeptKeys
from stream.base.key_list import KeyList
from stream.base.settings import Settings


def token_keys(settings: Settings) -> KeyList:
    """The keys in force, made now if there are none yet; all processes of this machine find the same.

    Raises:
        SettingsError: what the settings or the file hold is no list of keys; no key is shown.
    """
    return _kept(settings).found()


def known_token_keys(settings: Settings) -> KeyList | None:
    """The keys in force; None when there are none yet. Changes nothing.

    Raises:
        SettingsError: what the settings or the file hold is no list of keys; no key is shown.
    """
    return _kept(settings).known()


def _kept(settings: Settings) -> KeptKeys:
    text = settings.token.keys.get_secret_value()
    return KeptKeys("token keys", "GUIDESTREAM_TOKEN_KEYS", text, settings.data.dir / "token.keys")
