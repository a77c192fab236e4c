"""Settings: what is refused, how they travel, how they are shown."""

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from stream.base.errors import SettingsError
from stream.base.settings import PREFIX, Settings, environment, load
from stream.base.settings_reference import entries, markdown

SECRETS = {
    "GUIDESTREAM_CLICKHOUSE_PASSWORD": "first-secret",
    "GUIDESTREAM_CLICKHOUSE_BI_PASSWORD": "second-secret",
    "GUIDESTREAM_KAFKA_SASL_PASSWORD": "third-secret",
    "GUIDESTREAM_TOKEN_KEYS": "1:" + "ab" * 32,
}
FIELDS = {
    f"{PREFIX}{section}_{field}".upper()
    for section, model in Settings.model_fields.items()
    if model.annotation
    for field in model.annotation.model_fields
}


def test_wrong_settings_are_all_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        load(
            {
                "GUIDESTREAM_EDGE_PORT": "70000",
                "GUIDESTREAM_BRAND_TIMEZONE": "Asia/Shangai",
                "GUIDESTREAM_KAFKA_REPLICATION": "三",
                "GUIDESTREAM_KAFKA_BOOTSTRAPP": "x:1",
                "GUIDESTREAM_NOTHING_AT_ALL": "1",
                "PATH": "/bin",
            }
        )
    message = str(error.value)
    for name in (
        "GUIDESTREAM_EDGE_PORT",
        "GUIDESTREAM_BRAND_TIMEZONE",
        "GUIDESTREAM_KAFKA_REPLICATION",
        "GUIDESTREAM_KAFKA_BOOTSTRAPP",
        "GUIDESTREAM_NOTHING_AT_ALL",
    ):
        assert name in message
    assert "Asia/Shanghai" in message  # the fix
    assert "PATH" not in message


def test_an_empty_path_or_number_is_not_set_but_an_empty_word_is() -> None:
    found = load(
        {
            "GUIDESTREAM_KAFKA_CA_FILE": "",
            "GUIDESTREAM_DATA_DIR": "",
            "GUIDESTREAM_EDGE_PORT": "",
            "GUIDESTREAM_EDGE_VISITOR_COOKIE": "",
        }
    )
    assert (found.kafka.ca_file, found.data.dir, found.edge.port) == (None, load({}).data.dir, 8080)
    assert found.edge.visitor_cookie == ""


def test_settings_travel_to_a_child_process_unchanged(tmp_path: Path) -> None:
    settings = load(
        SECRETS | {"GUIDESTREAM_DATA_DIR": str(tmp_path / "数据"), "GUIDESTREAM_WORKER_REJECT_LIMIT": "0.25"}
    )
    assert load(environment(settings)) == settings
    assert environment(load({})) == {}


def test_every_setting_is_listed_with_a_meaning() -> None:
    found = list(entries(load({}), {}))
    assert {entry.variable for entry in found} == FIELDS
    assert all(entry.meaning for entry in found)


def test_the_source_of_each_value_is_told() -> None:
    environ = {"GUIDESTREAM_EDGE_PORT": "8080"}  # set to what is the default: still set
    sources = {entry.variable: entry.source for entry in entries(load(environ), environ)}
    assert sources["GUIDESTREAM_EDGE_PORT"] == "environment"
    assert sources["GUIDESTREAM_API_PORT"] == "default"


def test_no_secret_is_ever_shown() -> None:
    settings = load(SECRETS)
    found = list(entries(settings, SECRETS))
    text = repr(found) + repr(settings)
    assert not any(secret in text for secret in SECRETS.values())
    assert {entry.variable for entry in found if entry.secret} == set(SECRETS)


def test_a_setting_that_holds_a_secret_is_typed_as_one() -> None:
    for section, model in Settings.model_fields.items():
        assert model.annotation is not None
        for name, field in model.annotation.model_fields.items():
            if re.search(r"password|secret|keys?$|token$", name):
                assert field.annotation is SecretStr, f"{section}.{name}"


def test_the_reference_names_every_setting_and_nothing_of_this_machine() -> None:
    reference = markdown()
    for variable in FIELDS:
        assert f"`{variable}`" in reference
    assert str(Path.home()) not in reference.replace("~", "")
    assert "`~/.local/state/guidestream`" in reference
