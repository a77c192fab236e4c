import pytest

from stream.edge.unknown import code_of, kind_of


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "root"),
        ("/a8Xk2Pq", "code"),
        ("/a8Xk2Pq/", "code"),
        ("/wp-login.php", "file"),
        ("/.env", "file"),
        ("/" + "a" * 33, "file"),
        ("/.git/config", "deep"),
        ("/cgi-bin/luci/;stok=/locale", "malformed"),
        ("/a/b/", "deep"),
        ("//", "malformed"),
        ("/a b", "malformed"),
        ("/短链", "malformed"),
        ("/a\x00", "malformed"),
        ("/a\n", "malformed"),
        ("*", "root"),
        ("", "root"),
        ("/" + "/" * 10_000, "malformed"),
    ],
)
def test_a_path_that_is_no_link_has_one_of_few_kinds(path: str, kind: str) -> None:
    assert kind_of(path) == kind


@pytest.mark.parametrize("path", ["/a8Xk2Pq", "/a8Xk2Pq/"])
def test_a_code_may_be_followed_by_a_slash(path: str) -> None:
    assert code_of(path) == "a8Xk2Pq"


@pytest.mark.parametrize("path", ["/", "//", "/a//", "/a/b", "/a\n", "/" + "a" * 33, "/é"])
def test_what_is_not_shaped_like_a_code_is_none(path: str) -> None:
    assert code_of(path) == ""
