from dataclasses import replace
from typing import Any

import pytest

from schemas.personal import PersonKeys, protect
from schemas.registry import Campaign, Guide, Link, Owner, Store, Variant
from stream.registry.snapshot import Builder
from stream.registry.validate import check
from tests.support import registry as make
from tests.support.events import conversion

STATE = Builder().add(make.store(), make.guide("g1"), Campaign("c1", "双十一")).build()
URL = "https://shop.example.com/a"


def problems(thing: Store | Guide | Campaign | Link) -> list[str]:
    return [problem.field for problem in check(thing, STATE)[1]]


def test_good_things_have_no_problems() -> None:
    assert problems(make.store()) == []
    assert problems(make.guide(hire_date="2024-02-29", monthly_cost="6500.50", wecom_userid="ZhangSan@hq")) == []
    assert problems(Campaign("c", "618", "2026-06-01", "2026-06-18", "1000")) == []
    assert problems(make.owned("g1", campaign_id="c1", touchpoint="moments")) == []


def test_names_are_kept_normalised_and_may_be_of_any_script() -> None:
    kept, found = check(make.store(name=" Cafe\u0301 南京西路店 😀 "), STATE)
    assert (kept.name, found) == ("Café 南京西路店 😀", [])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "店" * 129}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": "a\ud800b"}, "name"),
        ({"id": ""}, "id"),
        ({"id": "=1+1"}, "id"),
        ({"id": "s 1"}, "id"),
        ({"id": "s:1"}, "id"),
        ({"id": "店"}, "id"),
        ({"id": "a" * 65}, "id"),
        ({"id": "s1\n"}, "id"),
        ({"region_id": ""}, "region_id"),
    ],
)
def test_a_store_with_a_wrong_field_is_refused(change: dict[str, Any], field: str) -> None:
    assert problems(make.store(**{"id_" if name == "id" else name: value for name, value in change.items()})) == [field]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"store_id": "s9"}, "store_id"),
        ({"hire_date": "2023-02-29"}, "hire_date"),
        ({"hire_date": "20230201"}, "hire_date"),
        ({"hire_date": "0001-01-01"}, "hire_date"),
        ({"monthly_cost": "-1"}, "monthly_cost"),
        ({"monthly_cost": "1e3"}, "monthly_cost"),
        ({"monthly_cost": "1,000"}, "monthly_cost"),
        ({"monthly_cost": "٣"}, "monthly_cost"),
        ({"currency": "cny"}, "currency"),
        ({"wecom_userid": "a b"}, "wecom_userid"),
    ],
)
def test_a_guide_with_a_wrong_field_is_refused(change: dict[str, Any], field: str) -> None:
    assert problems(make.guide(**change)) == [field]


@pytest.mark.parametrize("id_", ["13800138000", "c-13800138000", "138.0013.8000"])
def test_a_new_campaign_whose_id_would_be_hashed_in_the_properties_of_an_event_is_refused(id_: str) -> None:
    named: Any = conversion(type="cost", properties={"campaign": id_})
    assert protect(named, PersonKeys(1, {1: b"k" * 32}))["properties"]["campaign"] != id_
    assert problems(Campaign(id_, "双十一")) == ["id"]
    known = Builder().add(Campaign(id_, "双十一")).build()
    assert check(Campaign(id_, "双十一", disabled=True), known)[1] == []


def test_a_campaign_cannot_end_before_it_starts() -> None:
    assert problems(Campaign("c", "618", "2026-06-18", "2026-06-01")) == ["end"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"code": "a b"}, "code"),
        ({"code": "a" * 33}, "code"),
        ({"code": "../x"}, "code"),
        ({"kind": "ftp"}, "kind"),
        ({"url": "http://shop.example.com"}, "url"),
        ({"url": "https://shop.example.com/?ct=1"}, "url"),
        ({"url": "https://shop.example.com/?%63t=1"}, "url"),
        ({"kind": "wecom_acquisition", "url": f"{URL}?customer_channel=x"}, "url"),
        ({"kind": "wecom_contact", "url": f"{URL}?state=x"}, "url"),
        ({"kind": "wecom_kf", "url": f"{URL}?scene_param=x"}, "url"),
        ({"kind": "mini_program", "url": f"{URL}?cq=x"}, "url"),
        ({"owners": (Owner("g9", 0),)}, "guide_id"),
        ({"owners": (Owner("g1", 5), Owner("", 5))}, "owners"),
        ({"owners": tuple(Owner("", at) for at in range(201))}, "owners"),
        ({"campaign_id": "c9"}, "campaign_id"),
        ({"touchpoint": "fax"}, "touchpoint"),
        ({"utm": (("utm_evil", "x"),)}, "utm"),
        ({"utm": (("utm_source", "a"), ("utm_source", "b"))}, "utm"),
        ({"utm": (("utm_source", "a\nb"),)}, "utm_source"),
        ({"utm": (("utm_source", "a" * 129),)}, "utm_source"),
        ({"pass_params": ("ct",)}, "pass_params"),
        ({"pass_params": ("a=b",)}, "pass_params"),
        ({"pass_params": ("a", "a")}, "pass_params"),
        ({"pass_params": tuple(f"p{i}" for i in range(33))}, "pass_params"),
        ({"valid_from_ms": 5, "valid_until_ms": 5}, "valid_until"),
        ({"valid_from_ms": -1}, "valid_from"),
        ({"valid_until_ms": 10**15}, "valid_until"),
        ({"hours": (540, 540)}, "hours"),
        ({"hours": (1440, 0)}, "hours"),
        ({"fallback_url": "https://10.0.0.1/"}, "fallback_url"),
        ({"platforms": ("fax",)}, "platforms"),
        ({"platforms": ("wechat", "wechat")}, "platforms"),
        ({"platform_urls": (("fax", URL),)}, "platform_urls"),
        ({"platform_urls": (("wechat", "https://localhost/"),)}, "platform_urls"),
        ({"country_urls": (("UK", URL),)}, "country_urls"),
        ({"country_urls": (("cn", URL),)}, "country_urls"),
        ({"variants": (Variant("a", 1, URL), Variant("a", 1, URL))}, "variants"),
        ({"variants": (Variant("a", 0, URL),)}, "variants"),
        ({"variants": (Variant("a", 10_001, URL),)}, "variants"),
        ({"variants": (Variant("a b", 1, URL),)}, "variants"),
        ({"variants": (Variant("a", 1, f"{URL}?ct=1"),)}, "variants"),
        ({"variants": tuple(Variant(f"v{i}", 1, URL) for i in range(17))}, "variants"),
        ({"status": 301}, "status"),
    ],
)
def test_a_link_with_a_wrong_field_is_refused(change: dict[str, Any], field: str) -> None:
    assert problems(replace(make.link(), **change)) == [field]


def test_all_problems_are_named_each_with_what_to_do() -> None:
    _, found = check(replace(make.link(), url="ftp://x", status=500, touchpoint="fax"), STATE)
    assert sorted(problem.field for problem in found) == ["status", "touchpoint", "url"]
    assert any("https://" in problem.detail for problem in found)


def test_every_destination_is_kept_in_its_clean_form() -> None:
    given = "HTTPS://商店.中国/鞋"
    kept, found = check(
        replace(
            make.link(),
            url=given,
            fallback_url=given,
            platform_urls=(("wechat", given),),
            country_urls=(("CN", given),),
            variants=(Variant("a", 1, given),),
        ),
        STATE,
    )
    clean = "https://xn--czrs0t.xn--fiqs8s/%E9%9E%8B"
    assert found == []
    assert {kept.url, kept.fallback_url, kept.platform_urls[0][1], kept.country_urls[0][1], kept.variants[0].url} == {
        clean
    }
