from pathlib import Path

import pytest

from stream.base.errors import SettingsError
from stream.base.person_keys import person_keys
from stream.base.settings import load
from stream.base.token_keys import token_keys


def test_the_first_key_writes_and_all_are_looked_up() -> None:
    found = person_keys(load({"GUIDESTREAM_PRIVACY_KEYS": f"2:{'ab' * 16},1:{'cd' * 16}"}))
    assert found.writing_id == 2
    assert list(found.by_id) == [2, 1]


def test_all_processes_of_a_machine_find_one_key_which_is_not_the_tokens(tmp_path: Path) -> None:
    settings = load({"GUIDESTREAM_DATA_DIR": str(tmp_path)})
    found = person_keys(settings)
    assert person_keys(settings) == found
    assert found.by_id[1] != token_keys(settings).by_id[1]
    assert (tmp_path / "person.keys").stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_named_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "person.keys").write_text("1:abcdef")
    with pytest.raises(SettingsError, match=r"person\.keys") as caught:
        person_keys(load({"GUIDESTREAM_DATA_DIR": str(tmp_path)}))
    assert "abcdef" not in str(caught.value)
    with pytest.raises(SettingsError, match="GUIDESTREAM_PRIVACY_KEYS"):
        load({"GUIDESTREAM_PRIVACY_KEYS": "1:abcdef"})
