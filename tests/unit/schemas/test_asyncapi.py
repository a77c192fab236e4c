from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
import yaml

from schemas.rejects import REASONS
from schemas.topics import RETRANSMITTED, TOPICS, Topic

SCHEMAS = Path(__file__).parents[3] / "schemas"
DOCUMENT: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for item in node.values():
            yield from references(item)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def resolve(reference: str) -> Any:
    if reference.startswith("#/"):
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node
    return orjson.loads((SCHEMAS / reference).read_bytes())


def test_it_is_asyncapi_3_with_every_topic_and_no_other() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in DOCUMENT["channels"].values()} == {topic.name for topic in TOPICS}


@pytest.mark.parametrize("topic", TOPICS, ids=[topic.name for topic in TOPICS])
def test_a_channel_has_the_configuration_of_its_topic(topic: Topic) -> None:
    kafka = DOCUMENT["channels"][topic.name]["bindings"]["kafka"]
    configuration = kafka["topicConfiguration"]
    assert ",".join(configuration["cleanup.policy"]) == topic.config["cleanup.policy"]
    assert str(configuration.get("retention.ms", "")) == topic.config.get("retention.ms", "")
    assert ("partitions" in kafka) == (not topic.partitions_setting)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 10
    for reference in found:
        assert resolve(reference), reference


def test_every_payload_and_header_is_a_valid_schema() -> None:
    for message in DOCUMENT["components"]["messages"].values():
        payload = message["payload"]
        schema = resolve(payload["$ref"]) if "$ref" in payload else payload
        jsonschema.Draft202012Validator.check_schema(schema)
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_headers_and_reasons_are_those_of_the_code() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["eventHeaders"]["properties"]) == {RETRANSMITTED}
    assert set(schemas["deadLetterHeaders"]["properties"]["reason"]["enum"]) == REASONS
