"""Files that an operator writes: what is wrong is said, what stands in them is not."""

from pathlib import Path

import pytest

from stream.base.toml_file import read_toml


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_tables_are_read_with_a_byte_order_mark_and_without(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(mark + '["店"]\nname = "一"\n'.encode())
    assert read_toml(path, max_bytes=100) == {"店": {"name": "一"}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"x" * 101, "has more than 100 bytes"),
        ("a = '密'".encode("gb18030"), "is not UTF-8 at byte 5; save it as UTF-8"),
        (b'token = "secret', "is no TOML: "),
    ],
)
def test_what_cannot_be_used_is_said_without_its_content(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=says) as caught:
        read_toml(path, max_bytes=100)
    assert "secret" not in str(caught.value)


def test_no_file_and_one_without_an_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_toml(tmp_path / "none", max_bytes=100)
    with pytest.raises(ValueError, match="more than 100 bytes"):
        read_toml(Path("/dev/zero"), max_bytes=100)
