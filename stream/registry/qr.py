"""QR codes of short links: what a shop prints on counters and parcels."""

import io
from typing import Final, Literal

import segno

from schemas.clicks import QR_QUERY

FORMATS: Final = ("svg", "png")


def short_url(public_url: str, code: str) -> str:
    """What people tap."""
    return f"{public_url}/{code}"


def qr_image(public_url: str, code: str, form: Literal["svg", "png"], *, pixels: int) -> bytes:
    """The picture of one link's code, with the quiet zone that scanners want, about `pixels` wide.

    Error correction Q: a quarter of it may be dirty, folded or under a logo.
    """
    qr = segno.make(f"{short_url(public_url, code)}?{QR_QUERY}", error="q", micro=False)
    modules = qr.symbol_size()[0]
    out = io.BytesIO()
    qr.save(out, kind=form, scale=max(1, round(pixels / modules)), dark="#000", light="#fff")
    return out.getvalue()
