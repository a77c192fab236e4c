"""Registry records that were once written must decode for ever: a file here is never changed, only added to."""

from pathlib import Path

import pytest

from schemas.registry import (
    ApiKey,
    Campaign,
    Guide,
    Link,
    Numbers,
    Owner,
    Record,
    Salt,
    Store,
    Variant,
    decode_record,
)

GOLDEN = Path(__file__).parents[2] / "schemas" / "golden" / "registry"
EXPECTED: dict[str, tuple[str, Record]] = {
    "v1-link-full": (
        "link:a8Xk2Pq",
        Link(
            code="a8Xk2Pq",
            number=4294967295,
            kind="wecom_acquisition",
            url="https://work.weixin.qq.com/ca/cawcde0123456789",
            owners=(Owner("g-001", 0), Owner("", 1780000000000), Owner("g-002", 1790000000123)),
            campaign_id="2026-1111",
            touchpoint="store_qr",
            utm=(
                ("utm_source", "wecom"),
                ("utm_medium", "guide"),
                ("utm_campaign", "双十一"),
                ("utm_term", "大衣"),
                ("utm_content", "a b"),
            ),
            pass_params=("sku", "from"),
            valid_from_ms=1793808000000,
            valid_until_ms=1794844800000,
            hours=(540, 1290),
            disabled=True,
            fallback_url="https://shop.example.com/over?a=1#top",
            platforms=("wechat", "wecom"),
            platform_urls=(("wechat", "https://shop.example.com/w"), ("douyin", "https://shop.example.com/d")),
            country_urls=(("CN", "https://shop.example.com/cn"), ("JP", "https://shop.example.com/jp")),
            variants=(Variant("a", 50, "https://shop.example.com/a"), Variant("b", 1, "https://shop.example.com/b")),
            status=307,
        ),
    ),
    "v1-link-minimal": ("link:x", Link("x", 1, "web", "https://a.cn")),
    "v1-link-from-a-newer-writer": ("link:x", Link("x", 1, "web", "https://a.cn")),
    "v1-guide-full": (
        "guide:g-001",
        Guide("g-001", "张三", "s-001", "2024-02-29", "6500.50", "EUR", "ZhangSan@hq", disabled=True),
    ),
    "v1-guide-minimal": ("guide:1", Guide("1", "", "2")),
    "v1-store-full": ("store:s-001", Store("s-001", "南京西路店", "east", "华东", disabled=True)),
    "v1-store-minimal": ("store:s", Store("s", "", "r")),
    "v1-campaign-full": (
        "campaign:2026-1111",
        Campaign("2026-1111", "双十一", "2026-11-01", "2026-11-12", "20000", "USD", disabled=True),
    ),
    "v1-campaign-minimal": ("campaign:c", Campaign("c", "")),
    "v1-salt": ("salt:2026-11-22", Salt("2026-11-22", bytes(range(32)))),
    "v1-key": ("key:shop-1", ApiKey("shop-1", "商城", "5e" * 32, ("events:write",), 1790000000123, disabled=True)),
    "v1-numbers": ("meta:numbers", Numbers(1000000)),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_old_bytes_decode_to_what_they_say(name: str) -> None:
    key, record = EXPECTED[name]
    assert decode_record(key.encode(), (GOLDEN / f"{name}.json").read_bytes()) == record


def test_every_file_is_expected() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(EXPECTED)
