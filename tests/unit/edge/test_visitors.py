import pytest

from stream.edge.visitors import DayHash, VisitorCookie, cookie_id

COOKIE = VisitorCookie("gs_vid", secure=True)
ID = cookie_id(bytes(range(18)))


def test_what_was_written_is_read_back() -> None:
    assert COOKIE.read(COOKIE.write(ID).partition(";")[0]) == ID
    assert COOKIE.read(f"a=b; gs_vid={ID}; c=d") == ID
    assert COOKIE.read(f"a=b;gs_vid={ID}") == ID


def test_the_cookie_lives_a_year_and_is_for_this_server_only() -> None:
    written = COOKIE.write(ID)
    assert written == f"gs_vid={ID}; Max-Age=31536000; Path=/; HttpOnly; SameSite=Lax; Secure"
    assert "Secure" not in VisitorCookie("gs_vid", secure=False).write(ID)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "gs_vid=",
        f"gs_vid={ID}x",
        f"gs_vid={ID[:-1]}",
        f"xgs_vid={ID}",
        f"gs_vid={ID[:-1]}\r",
        f"gs_vid={ID[:-1]}é",
        f'gs_vid="{ID}"',
        "gs_vid=" + "' OR 1=1 --abcdefghijkl",
        ";" * 16000,
    ],
)
def test_what_we_could_not_have_written_is_no_visitor(header: str) -> None:
    assert COOKIE.read(header) == ""


def test_a_damaged_cookie_does_not_hide_a_whole_one() -> None:
    assert COOKIE.read(f"gs_vid=broken; gs_vid={ID}") == ID


def test_a_hash_is_the_same_all_day_and_another_with_another_salt() -> None:
    day = DayHash(b"salt" * 8)
    assert day.visitor("1.2.3.4", "ua", "zh") == DayHash(b"salt" * 8).visitor("1.2.3.4", "ua", "zh")
    assert day.visitor("1.2.3.4", "ua", "zh") != DayHash(b"tlas" * 8).visitor("1.2.3.4", "ua", "zh")


def test_each_part_of_a_visitor_counts_and_none_runs_into_the_next() -> None:
    day = DayHash(b"salt" * 8)
    ids = {day.visitor(*parts) for parts in [("1", "2", "3"), ("12", "", "3"), ("1", "23", ""), ("1", "2", "")]}
    assert len(ids) == 4
    assert all(len(id_) == 24 for id_ in ids)
