from pathlib import Path

import pytest

from stream.base.errors import SettingsError
from stream.base.settings import Settings, load
from stream.base.token_keys import token_keys

A, B = "ab" * 16, "cd" * 64


def settings(tmp_path: Path, keys: str) -> Settings:
    return load({"GUIDESTREAM_DATA_DIR": str(tmp_path / "data"), "GUIDESTREAM_TOKEN_KEYS": keys})


def test_the_first_key_signs_and_all_verify(tmp_path: Path) -> None:
    found = token_keys(settings(tmp_path, f"15:{A}, 0:{B}"))
    assert found.signing_id == 15
    assert found.signing_key == bytes.fromhex(A)
    assert found.by_id == {15: bytes.fromhex(A), 0: bytes.fromhex(B)}


@pytest.mark.parametrize("keys", ["x", "1:", f"16:{A}", f"1:{A[2:]}", f"1:{A}a", f"1:{A},", f"1:{B}ee", f"1:{A},1:{B}"])
def test_what_is_no_list_of_keys_is_refused_without_showing_it(tmp_path: Path, keys: str) -> None:
    with pytest.raises(SettingsError) as caught:
        token_keys(settings(tmp_path, keys))
    assert "GUIDESTREAM_TOKEN_KEYS" in str(caught.value)
    assert A[2:] not in str(caught.value)


def test_without_a_setting_a_key_is_made_once_and_kept_for_this_user_alone(tmp_path: Path) -> None:
    config = settings(tmp_path, "")
    found = token_keys(config)
    assert len(found.signing_key) == 32
    assert token_keys(config) == found
    [file] = (tmp_path / "data").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    config = settings(tmp_path, "")
    token_keys(config)
    path = tmp_path / "data" / "token.keys"
    path.write_text("")
    with pytest.raises(SettingsError, match=r"token\.keys"):
        token_keys(config)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    config = settings(tmp_path, "")
    (tmp_path / "data").write_text("a file, not a directory")
    with pytest.raises(SettingsError, match=r"data\.dir"):
        token_keys(config)


def test_keys_are_not_shown() -> None:
    assert A not in repr(token_keys(load({"GUIDESTREAM_TOKEN_KEYS": f"1:{A}"})))
