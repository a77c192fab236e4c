import resource

import pytest

from stream.base.descriptors import RESERVED, room_for
from stream.base.errors import SettingsError

ENDLESS = resource.RLIM_INFINITY


class Limits:
    """The system's limits of this process, and one that it does not tell."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, untold: int = 1 << 40) -> None:
        self.now, self._untold = (soft, hard), untold
        monkeypatch.setattr(resource, "getrlimit", self.get)
        monkeypatch.setattr(resource, "setrlimit", self.set)

    def get(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.now

    def set(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        if limits[0] > self._untold:
            raise ValueError("not allowed to raise maximum limit")
        self.now = limits


@pytest.mark.parametrize(
    ("told", "untold", "room", "soft"),
    [
        ((1024, 1 << 20), 1 << 20, 10_000, 10_000 + RESERVED),
        ((1024, ENDLESS), 1 << 20, 10_000, 10_000 + RESERVED),
        ((ENDLESS, ENDLESS), 1 << 20, 10_000, ENDLESS),
        ((1 << 16, 1 << 20), 1 << 20, 10_000, 1 << 16),
        ((1024, 4096), 1 << 20, 4096 - RESERVED, 4096),
        ((256, ENDLESS), 10_000, 256 - RESERVED, 256),
    ],
)
def test_connections_get_what_the_hard_limit_leaves_them(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    told: tuple[int, int],
    untold: int,
    room: int,
    soft: int,
) -> None:
    limits = Limits(monkeypatch, *told, untold)
    assert room_for(10_000, "THE_SETTING") == room
    assert ("too low for THE_SETTING" in "".join(capsys.readouterr())) is (room < 10_000)
    assert limits.now == (soft, told[1])


def test_a_limit_that_leaves_room_for_none_is_named_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    Limits(monkeypatch, 64, RESERVED)
    with pytest.raises(SettingsError, match=rf"RLIMIT_NOFILE\) is {RESERVED},.*ulimit -n"):
        room_for(10_000, "THE_SETTING")
