"""The keys of personal hashes: from the settings, or made once and kept below data.dir."""

from schemas.person_hashes import PersonKeys
from stream.base.kept_keys import KeptKeys
from stream.base.settings import Settings


def person_keys(settings: Settings) -> PersonKeys:
    """The keys in force, made now if there are none yet; all processes of this machine find the same.

    Raises:
        SettingsError: what the settings or the file hold is no list of keys; no key is shown.
    """
    text = settings.privacy.keys.get_secret_value()
    keys = KeptKeys("personal hash keys", "GUIDESTREAM_PRIVACY_KEYS", text, settings.data.dir / "person.keys").found()
    return PersonKeys(keys.signing_id, keys.by_id)
