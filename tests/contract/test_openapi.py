"""The API keeps its document: the file is what the application generates, and what it answers is what the file says."""

from typing import Any

import orjson
import schemathesis
import yaml
from hypothesis import settings
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from schemas.registry import Campaign, Guide, Link, Owner, Store, Variant
from stream.registry.snapshot import Builder
from tests.support.api import AUTHORIZATION, Api
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
API = Api(
    Builder().add(*STORES, *GUIDES, *CAMPAIGNS, *LINKS).build(1),
    # So that what is asked for is answered, and not how often.
    {"GUIDESTREAM_API_COLLECT_PER_MINUTE": "10000000", "GUIDESTREAM_API_COLLECT_PER_SECOND": "10000000"},
)
DOCUMENTED = schemathesis.openapi.from_asgi("/openapi.json", API.app)
# Data with more items than there may be is often more bytes than there may be, too.
DOCUMENTED.config.checks.negative_data_rejection.expected_statuses.append("413")
NOBODY_CAN_GUESS = {
    "collect",
    "post_webhook",
    "post_wecom_kf",
    "verify_wecom_callback",
    "receive_wecom_callback",
}
"""What opens them is a MAC, which no generator makes, as it makes no lines of JSON."""


@schemathesis.serializer("application/x-ndjson")
def _as_lines(_: schemathesis.SerializationContext, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def test_the_file_is_what_the_application_generates() -> None:
    assert yaml.safe_load(FILE.read_text("utf-8")) == generated(), "run: python -m tests.support.openapi"


@DOCUMENTED.parametrize()
@settings(max_examples=25, deadline=None)
def test_every_answer_is_as_documented(case: schemathesis.Case[Any]) -> None:
    raw = case.operation.definition.raw
    left_out: list[Any] = []
    if "security" in raw:
        # Among the wrong data it counts the key that is missing, which this test then adds; and a request with wrong
        # events is answered 202, each with its own problem.
        left_out.append(negative_data_rejection)
    if raw["operationId"] in NOBODY_CAN_GUESS or case.media_type == "application/x-ndjson":
        left_out.append(positive_data_acceptance)
    case.call_and_validate(headers=AUTHORIZATION, excluded_checks=left_out)


@DOCUMENTED.parametrize()
@settings(max_examples=10, deadline=None)
def test_without_a_key_nothing_that_needs_one_is_answered(case: schemathesis.Case[Any]) -> None:
    case.headers.pop("authorization", None)
    answer = case.call()
    assert answer.status_code < 500
    if "security" in case.operation.definition.raw:
        assert answer.status_code in (401, 404, 405)  # cases with other paths and methods are among them


async def test_the_examples_of_events_are_good_ones() -> None:
    api = Api()
    content = api.app.openapi()["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    async with api.client() as client:
        for media_type, said in content.items():
            for example in said["examples"].values():
                value = example["value"]
                body = value.encode() if isinstance(value, str) else orjson.dumps(value)
                answer = await client.post("/v1/events", content=body, headers={"Content-Type": media_type})
                assert answer.json()["rejected"] == 0
    assert len(api.kept.records) == 2
