from pathlib import Path

import pytest

from schemas.enrichment import UNKNOWN_PLACE, Place
from stream.base.errors import SettingsError
from stream.enrich.place import open_places
from tests.support.geo import write_mmdb, write_xdb

SHENZHEN = "113.116.0.0/24"
ABROAD = "8.8.8.0/24"
IPV6 = "240e:390:1::/48"


def parts(place: Place) -> tuple[str, str, str, str]:
    return place.country, place.region, place.city, place.isp


@pytest.fixture
def maxmind(tmp_path: Path) -> Path:
    return write_mmdb(
        tmp_path / "city.mmdb",
        {
            "113.116.0.0/15": {
                "country": {"iso_code": "XX"},
                "subdivisions": [{"names": {"en": "Guangdong", "zh-CN": "广东"}}],
                "city": {"names": {"en": "Shenzhen", "zh-CN": "深圳市"}},
                "traits": {"isp": "China Telecom"},
            },
            "8.8.8.0/24": {"city": {"names": {"en": "Mountain View"}}},
            "240e::/20": {"region": "上海", "city": "上海市", "as_name": "中国电信"},
            "192.0.2.0/24": {"city": {"names": {}}, "subdivisions": []},
            "198.51.100.0/24": ["not", "a", "map"],
        },
    )


def test_without_a_file_the_country_is_known_and_nothing_else() -> None:
    place_of = open_places(None)
    assert parts(place_of(SHENZHEN)) == ("CN", "", "", "")
    assert parts(place_of(IPV6)) == ("CN", "", "", "")
    assert place_of("") is UNKNOWN_PLACE


def test_a_maxmind_file_gives_region_city_and_isp_in_chinese_where_it_has_it(maxmind: Path) -> None:
    place_of = open_places(maxmind)
    assert parts(place_of(SHENZHEN)) == ("CN", "广东", "深圳市", "China Telecom")
    assert parts(place_of(ABROAD)) == ("US", "", "Mountain View", "")
    assert parts(place_of(IPV6)) == ("CN", "上海", "上海市", "中国电信")
    assert place_of("") is UNKNOWN_PLACE


def test_the_country_is_the_one_that_the_edge_went_by(maxmind: Path) -> None:
    assert open_places(maxmind)(SHENZHEN).country == "CN"


@pytest.mark.parametrize("prefix", ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/48"])
def test_what_a_maxmind_file_does_not_know_stays_empty(maxmind: Path, prefix: str) -> None:
    assert parts(open_places(maxmind)(prefix)) == ("", "", "", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("中国|0|广东省|深圳市|电信", ("广东省", "深圳市", "电信")),
        ("中国|广东省|深圳市|电信|CN", ("广东省", "深圳市", "电信")),
        ("中国|广东省|深圳市|电信", ("广东省", "深圳市", "电信")),
        ("中国|0|香港|0|0", ("香港", "", "")),
        ("0|0|0|内网IP|内网IP", ("", "内网IP", "内网IP")),
        ("nonsense", ("", "", "")),
    ],
)
def test_an_ip2region_file_gives_region_city_and_isp(tmp_path: Path, text: str, expected: tuple[str, ...]) -> None:
    place_of = open_places(write_xdb(tmp_path / "ip2region.xdb", {SHENZHEN: text, "113.116.1.0/24": "x|y|z|t"}))
    assert parts(place_of(SHENZHEN)) == ("CN", *expected)
    assert parts(place_of(ABROAD)) == ("US", "", "", "")
    # The file knows IPv4 only.
    assert parts(place_of(IPV6)) == ("CN", "", "", "")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("city.mmdb", b""),
        ("city.mmdb", b"no database" * 100),
        ("city.xdb", b""),
        ("city.xdb", b"\xff" * 600_000),
        ("city.csv", b"1.2.3.0/24,CN"),
        ("missing.mmdb", None),
        ("missing.xdb", None),
    ],
)
def test_a_file_that_is_no_database_stops_the_start_with_the_fix(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"GUIDESTREAM_GEO_CITY_FILE: .*give a MaxMind \(.mmdb\) or ip2region"):
        open_places(path)


@pytest.mark.parametrize("kind", ["mmdb", "xdb"])
def test_a_truncated_file_stops_the_start(tmp_path: Path, maxmind: Path, kind: str) -> None:
    whole = maxmind if kind == "mmdb" else write_xdb(tmp_path / "city.xdb", {"1.2.4.0/24": "中国|0|广东省|深圳市|电信"})
    broken = tmp_path / f"broken.{kind}"
    content = whole.read_bytes()
    broken.write_bytes(content[: len(content) - 20] if kind == "xdb" else content[: len(content) // 2])
    with pytest.raises(SettingsError):
        open_places(broken)
