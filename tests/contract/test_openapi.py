"""The API keeps its document: the file is what the application generates, and what it answers is what the file says."""

from typing import Any

import schemathesis
import yaml
from hypothesis import settings

from schemas.registry import Campaign, Guide, Link, Owner, Store, Variant
from stream.registry.snapshot import Builder
from tests.support.api import Api
from tests.support.openapi import FILE, generated

STORES = [Store(f"s{n}", f"门店{n}", "east", "华东") for n in range(8)]
GUIDES = [Guide(f"g{n}", f"导购{n}", f"s{n % 8}", hire_date="2024-03-01", monthly_cost="8000.50") for n in range(30)]
CAMPAIGNS = [Campaign("double11", "双十一", "2026-11-01", "2026-11-11", "100000")]
LINKS = [
    Link("plain12", 1, "web", "https://shop.example/"),
    Link(
        code="full1234",
        number=2,
        kind="mini_program",
        url="https://shop.example/a",
        owners=(Owner("g1", 1_700_000_000_000), Owner("", 1_700_000_000_001)),
        campaign_id="double11",
        touchpoint="wecom_chat",
        utm=(("utm_source", "微信"),),
        pass_params=("sku",),
        valid_from_ms=1_700_000_000_000,
        hours=(540, 1080),
        platforms=("wechat",),
        platform_urls=(("alipay", "https://shop.example/b"),),
        country_urls=(("HK", "https://shop.example/hk"),),
        variants=(Variant("a", 1, "https://shop.example/1"), Variant("b", 3, "https://shop.example/2")),
        status=307,
    ),
]
APP = Api(Builder().add(*STORES, *GUIDES, *CAMPAIGNS, *LINKS).build(1)).app
DOCUMENTED = schemathesis.openapi.from_asgi("/openapi.json", APP)


def test_the_file_is_what_the_application_generates() -> None:
    assert yaml.safe_load(FILE.read_text("utf-8")) == generated(), "run: python -m tests.support.openapi"


@DOCUMENTED.parametrize()
@settings(max_examples=25, deadline=None)
def test_every_answer_is_as_documented(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate()
