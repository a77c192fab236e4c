import struct
from typing import Any

import pytest
import segno

from stream.registry.qr import qr_image


def test_a_png_is_about_as_wide_as_asked() -> None:
    picture = qr_image("https://go.example.cn", "a8Xk2Pq", "png", pixels=600)
    assert picture.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", picture[16:24])
    assert width == height
    assert 550 <= width <= 650


def test_an_svg_is_one_picture_that_needs_nothing_else() -> None:
    picture = qr_image("https://go.example.cn", "a8Xk2Pq", "svg", pixels=600)
    assert picture.startswith(b"<?xml")
    assert picture.rstrip().endswith(b"</svg>")
    assert b"href" not in picture


def test_a_scan_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    make = segno.make

    def note(content: str, **options: Any) -> Any:
        drawn.append(content)
        return make(content, **options)

    monkeypatch.setattr(segno, "make", note)
    qr_image("https://go.example.cn", "a8Xk2Pq", "svg", pixels=200)
    assert drawn == ["https://go.example.cn/a8Xk2Pq?q=1"]


def test_the_code_of_each_link_differs() -> None:
    pictures = {qr_image("https://go.example.cn", code, "svg", pixels=200) for code in ("aaaaaaa", "aaaaaab")}
    assert len(pictures) == 2
