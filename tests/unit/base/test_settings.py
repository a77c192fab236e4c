"""Settings: what is refused, how they travel, how they are shown."""

import re
from pathlib import Path

import certifi
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
    "GUIDESTREAM_PRIVACY_KEYS": "1:" + "ef" * 32,
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


def test_what_only_a_look_beyond_the_type_shows_is_named_in_the_same_error(tmp_path: Path) -> None:
    unreadable, no_pem = tmp_path / "目录", tmp_path / "ca.pem"
    unreadable.mkdir()
    no_pem.write_text("not a certificate")
    wrong = {
        "GUIDESTREAM_TOKEN_KEYS": "1:" + "ab" * 15,
        "GUIDESTREAM_GEO_CITY_FILE": str(unreadable),
        "GUIDESTREAM_KAFKA_CA_FILE": str(no_pem),
        "GUIDESTREAM_KAFKA_BOOTSTRAP": "kafka-1:9092,kafka-2",
        "GUIDESTREAM_CLICKHOUSE_RAW_TTL_DAYS": "1",
        "GUIDESTREAM_CLICKHOUSE_URL": "http://clickhouse:eight",
        "GUIDESTREAM_CLICKHOUSE_TIMEOUT_MS": "0",
        "GUIDESTREAM_SPOOL_MAX_BYTES": "10000",
        "GUIDESTREAM_EDGE_PORT": "70000",
    }
    across = {
        "GUIDESTREAM_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "GUIDESTREAM_CLICKHOUSE_USER": "bi",
        "GUIDESTREAM_API_PORT": "8123",
        "GUIDESTREAM_API_ADMIN_PORT": "8123",
    }
    named = {*wrong, "GUIDESTREAM_KAFKA_SASL_USER", "GUIDESTREAM_KAFKA_SASL_PASSWORD"}
    named |= {"GUIDESTREAM_CLICKHOUSE_BI_USER", "GUIDESTREAM_API_ADMIN_PORT"}
    assert set(_refused(wrong | across)) == named
    assert "ab" * 15 not in str(_refused(wrong | across))


@pytest.mark.parametrize(
    ("variables", "named", "fix"),
    [
        ({"KAFKA_CA_FILE": "/no/such/file"}, "KAFKA_CA_FILE", "no such file"),
        ({"GEO_CITY_FILE": "/no/such.mmdb"}, "GEO_CITY_FILE", "no such file"),
        ({"DATA_DIR": __file__}, "DATA_DIR", "no directory"),
        ({"TOKEN_KEYS": f"1:{'ab' * 16},1:{'cd' * 16}"}, "TOKEN_KEYS", "key id 1 is there twice"),
        ({"CLICKHOUSE_RAW_TTL_DAYS": "1"}, "CLICKHOUSE_RAW_TTL_DAYS", "give 2 or more, or 0"),
        ({"CLICKHOUSE_RAW_TTL_DAYS": "7"}, "CLICKHOUSE_RAW_TTL_DAYS", "give 8 or more"),
        ({"CLICKHOUSE_CONVERSIONS_TTL_DAYS": "1"}, "CLICKHOUSE_CONVERSIONS_TTL_DAYS", "give 2 or more, or 0"),
        ({"CLICKHOUSE_CONVERSIONS_TTL_DAYS": "7"}, "CLICKHOUSE_CONVERSIONS_TTL_DAYS", "recounted from raw rows"),
        ({"CLICKHOUSE_DEAD_LETTERS_TTL_DAYS": "7"}, "CLICKHOUSE_DEAD_LETTERS_TTL_DAYS", "the audit says"),
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_USER": "u"}, "KAFKA_SASL_PASSWORD", "cannot log in"),
        ({"EDGE_ADMIN_PORT": "8080", "EDGE_HOST": "0.0.0.0"}, "EDGE_ADMIN_PORT", "a port of its own"),  # noqa: S104
        ({"KAFKA_BOOTSTRAP": "a:1, b:2"}, "KAFKA_BOOTSTRAP", "without spaces"),
        ({"KAFKA_BOOTSTRAP": ""}, "KAFKA_BOOTSTRAP", "host:port"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_with_the_fix(variables: dict[str, str], named: str, fix: str) -> None:
    found = _refused({PREFIX + name: value for name, value in variables.items()})
    assert list(found) == [PREFIX + named]
    assert fix in found[PREFIX + named]


def test_certificates_for_a_connection_that_is_not_encrypted_are_refused() -> None:
    pem = certifi.where()
    assert list(_refused({"GUIDESTREAM_KAFKA_CA_FILE": pem})) == ["GUIDESTREAM_KAFKA_CA_FILE"]
    found = load({"GUIDESTREAM_KAFKA_CA_FILE": pem, "GUIDESTREAM_KAFKA_SECURITY_PROTOCOL": "SSL"})
    assert found.kafka.ca_file == Path(pem)


@pytest.mark.parametrize(
    "variables",
    [
        {"CLICKHOUSE_RAW_TTL_DAYS": "0"},
        {"CLICKHOUSE_RAW_TTL_DAYS": "2", "KAFKA_RETENTION_HOURS": "24"},
        {"CLICKHOUSE_CUSTOMERS_TTL_DAYS": "1", "CLICKHOUSE_ALIASES_TTL_DAYS": "1"},
        {"EDGE_PORT": "0", "EDGE_ADMIN_PORT": "0"},
        {"API_PORT": "9000", "API_ADMIN_PORT": "9000", "API_HOST": "10.0.0.1"},
        {"KAFKA_BOOTSTRAP": "[::1]:9092,kafka.example:9093"},
        {"CLICKHOUSE_URL": "https://clickhouse"},
    ],
)
def test_settings_that_go_together_are_taken(variables: dict[str, str]) -> None:
    load({PREFIX + name: value for name, value in variables.items()})


def test_no_bound_of_a_setting_takes_another_ones_place() -> None:
    for section, model in Settings.model_fields.items():
        assert model.annotation is not None
        for name, field in model.annotation.model_fields.items():
            kinds = [type(bound) for bound in field.metadata]
            assert len(kinds) == len(set(kinds)), f"{section}.{name}"


def test_a_rule_says_nothing_where_one_of_its_settings_is_wrong_by_itself() -> None:
    found = _refused({"GUIDESTREAM_CLICKHOUSE_RAW_TTL_DAYS": "3", "GUIDESTREAM_KAFKA_RETENTION_HOURS": "a day"})
    assert list(found) == ["GUIDESTREAM_KAFKA_RETENTION_HOURS"]


def _refused(environ: dict[str, str]) -> dict[str, str]:
    """Variable -> what is said of it."""
    with pytest.raises(SettingsError) as error:
        load(environ)
    lines = str(error.value).splitlines()[1:]
    return dict(line.strip().split(": ", 1) for line in lines)


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


def test_a_body_that_may_be_sent_can_be_held() -> None:
    with pytest.raises(SettingsError, match=r"GUIDESTREAM_API_HELD_BYTES.*give 41943040 or more"):
        load({"GUIDESTREAM_API_HELD_BYTES": "30000000"})


def test_a_webhook_that_may_be_sent_can_be_held_by_a_stranger() -> None:
    with pytest.raises(SettingsError, match=r"GUIDESTREAM_API_HELD_BYTES.*give 67108864 or more"):
        load({"GUIDESTREAM_API_HELD_BYTES": "50000000", "GUIDESTREAM_WEBHOOKS_MAX_BYTES": "16777216"})
