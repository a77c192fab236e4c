"""The operator's file of callback URLs."""

from pathlib import Path

import pytest

from stream.base.errors import SettingsError
from stream.wecom.config import MAX_BYTES, MAX_CORPS, load, shown
from stream.wecom.crypto import KEY_TEXT
from tests.support.wecom import AES_KEY, CONFIG, CORP, CORP_ID, TOKEN, config_file

EXAMPLE = Path(__file__).parents[3] / "deploy" / "wecom.example.toml"


def wrong(folder: Path, text: str) -> list[str]:
    """The problems that are told, one a line."""
    with pytest.raises(SettingsError) as error:
        load(config_file(folder, text))
    assert TOKEN not in str(error.value)
    assert AES_KEY not in str(error.value)
    return str(error.value).splitlines()


def test_without_a_file_there_are_none() -> None:
    assert load(None) == {}


def test_a_table_is_a_callback_url(tmp_path: Path) -> None:
    assert load(config_file(tmp_path)) == {"brand": CORP}


def test_several_applications_of_one_corp_and_a_suite() -> None:
    corps = load(EXAMPLE)
    assert [(corp.name, corp.corp_id, corp.receiver) for corp in corps.values()] == [
        ("brand", "ww0123456789abcdef", "ww0123456789abcdef"),
        ("brand-suite", "ww0123456789abcdef", "ww4asffe99e54c0f4c"),
    ]


def test_no_secret_is_in_what_is_shown_or_printed(tmp_path: Path) -> None:
    corps = load(config_file(tmp_path))
    for text in (repr(corps), "\n".join(shown(corps))):
        assert CORP_ID in text
        assert TOKEN not in text
        assert AES_KEY not in text
        assert repr(CORP.key) not in text
    assert list(shown(corps)) == [
        f"brand: corp_id={CORP_ID}, receiver={CORP_ID}, encoding_aes_key=(set, not shown), token=(set, not shown)"
    ]


def test_all_problems_are_named_at_once(tmp_path: Path) -> None:
    head, *problems = wrong(
        tmp_path,
        f"""
        top = "{TOKEN}"
        ["No Such Name"]
        corp_id = "ww1"
        token = "{TOKEN}"
        encoding_aes_key = "{AES_KEY}"
        [brand]
        corp_id = "企业"
        receiver = 1
        token = "{TOKEN}-"
        encoding_aes_key = "{AES_KEY}="
        agent = 218
        [other]
        """,
    )
    assert head.endswith("wecom.toml cannot be used:")
    starts = [problem.strip().split(":")[0] for problem in problems]
    assert starts == [
        "top",
        "[No Such Name]",
        "[brand] agent",
        "[brand] corp_id",
        "[brand] receiver",
        "[brand] token",
        "[brand] encoding_aes_key",
        "[other] corp_id",
        "[other] token",
        "[other] encoding_aes_key",
    ]
    assert f"{KEY_TEXT} letters and digits" in problems[-1]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no table"),
        ("# nothing\n", "there is no table"),
        ("[brand", "no TOML"),
        (CONFIG + CONFIG, "no TOML"),
        (CONFIG * 1000 + "#" * MAX_BYTES, "is it the right file?"),
        (CONFIG.replace("[brand]", "[BRAND]"), "a name has 1 to 32 characters"),
        (CONFIG.replace("[brand]", "[_x]"), "a name has 1 to 32 characters"),
        (CONFIG.replace("[brand]", f"[{'x' * 33}]"), "a name has 1 to 32 characters"),
        (CONFIG.replace("[brand]", "[brand.contacts]"), "contacts: no such field"),
        (CONFIG.replace(AES_KEY, AES_KEY + "A"), "encoding_aes_key: must be 43"),
        (CONFIG.replace(AES_KEY, AES_KEY[:-1] + "+"), "encoding_aes_key: must be 43"),
        (CONFIG.replace(f'"{TOKEN}"', '""'), "token: must be 1 to 32"),
        (CONFIG.replace(f'"{TOKEN}"', f'["{TOKEN}"]'), "token: must be 1 to 32"),
    ],
)
def test_what_is_wrong_is_told_with_its_fix(tmp_path: Path, text: str, says: str) -> None:
    assert says in "\n".join(wrong(tmp_path, text))


def test_too_many_urls_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    many = "".join(CONFIG.replace("brand", f"brand{number}") for number in range(MAX_CORPS + 1))
    assert f"at most {MAX_CORPS}" in "\n".join(wrong(tmp_path, many))
    path = config_file(tmp_path)
    path.write_bytes('[brand]\ncorp_id = "企"'.encode("gb18030"))
    with pytest.raises(SettingsError, match="save it as UTF-8"):
        load(path)
    path.unlink()
    with pytest.raises(SettingsError, match="cannot be read"):
        load(path)
