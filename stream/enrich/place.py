"""Where an address prefix is registered: the country always, region, city and ISP from the operator's own database.

The country is that of `stream.base.country` even where the operator's file has one: the edge chose the destination by
it, and a report must agree with what was done.
"""

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ip2region.searcher
import ip2region.util
import maxminddb

from schemas.enrichment import UNKNOWN_PLACE, Place
from stream.base.country import country_of
from stream.base.errors import SettingsError

PlaceOf = Callable[[str], Place]
CityOf = Callable[[str], tuple[str, str, str]]
"""Address without prefix length -> region, city, ISP; empty strings where unknown."""

_NOWHERE: Final = ("", "", "")


def open_places(city_file: Path | None) -> PlaceOf:
    """The look-up of a /24 or /48 prefix in CIDR form; an empty prefix is nowhere. The file is read once, now.

    Raises:
        SettingsError: the file cannot be read, or is no database of its kind.
    """
    if city_file is None:
        return _country_only
    try:
        city_of = _open_city(city_file)
        city_of("1.2.4.0")  # a damaged search tree shows at the first look-up
    except (OSError, ValueError, LookupError, maxminddb.InvalidDatabaseError) as error:
        raise SettingsError(
            f"GUIDESTREAM_GEO_CITY_FILE: {city_file} is no database that can be read ({error}); "
            "give a MaxMind (.mmdb) or ip2region (.xdb) file, or leave it out"
        ) from error

    def place_of(prefix: str) -> Place:
        if not prefix:
            return UNKNOWN_PLACE
        region, city, isp = city_of(prefix.partition("/")[0])
        return Place(country_of(prefix), region, city, isp)

    return place_of


def _country_only(prefix: str) -> Place:
    return Place(country_of(prefix)) if prefix else UNKNOWN_PLACE


def _open_city(path: Path) -> CityOf:
    if path.suffix == ".mmdb":
        return _open_maxmind(path)
    if path.suffix == ".xdb":
        return _open_ip2region(path)
    raise ValueError(f"unknown kind {path.suffix!r}")


def _open_maxmind(path: Path) -> CityOf:
    reader = maxminddb.open_database(path, maxminddb.MODE_AUTO)

    def city_of(address: str) -> tuple[str, str, str]:
        record: Any = reader.get(address)
        if not isinstance(record, dict):
            return _NOWHERE
        subdivisions = record.get("subdivisions") or [record.get("region", "")]
        isp = record.get("isp") or (record.get("traits") or {}).get("isp") or record.get("as_name") or ""
        return _name(subdivisions[0]), _name(record.get("city", "")), _name(isp)

    return city_of


def _name(value: Any) -> str:
    """A name in Chinese, else in English: MaxMind nests names by language, other makers write plain text."""
    if isinstance(value, dict):
        names = value.get("names") or {}
        value = names.get("zh-CN") or names.get("en") or ""
    return value if isinstance(value, str) else ""


def _open_ip2region(path: Path) -> CityOf:
    with path.open("rb") as handle:
        ip2region.util.verify(handle)
    content = path.read_bytes()
    version = ip2region.util.version_from_header(ip2region.util.Header(content[: ip2region.util.HeaderInfoLength]))
    if version is None:
        raise ValueError("neither for IPv4 nor for IPv6")
    searcher = ip2region.searcher.new_with_buffer(version, content)

    def city_of(address: str) -> tuple[str, str, str]:
        packed = ipaddress.ip_address(address).packed
        if len(packed) != version.byte_num:
            return _NOWHERE
        return _fields(searcher.search(packed))

    return city_of


def _fields(text: str) -> tuple[str, str, str]:
    """Files since version 3 say country|province|city|ISP|alpha-2 code, older ones country|area|province|city|ISP."""
    fields = ["" if field == "0" else field for field in text.split("|")]
    if len(fields) < 4:
        return _NOWHERE
    has_area = len(fields) > 4 and not (len(fields[4]) == 2 and fields[4].isascii() and fields[4].isupper())
    province, city, isp = fields[2:5] if has_area else fields[1:4]
    return province, city, isp
