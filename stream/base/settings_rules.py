"""What settings must be to each other: each of these works alone, but not beside the others."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from stream.base.settings import Settings

_ALL_ADDRESSES: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound

STRANGERS_SHARE: Final = 4
"""Who is not known before the body is read, a shop that signs or a landing page, holds a quarter of `api.held_bytes` at
most: else some hundred of them that send slowly would shut out who has a key."""


class Broken(NamedTuple):
    """Settings that do not go together."""

    fields: tuple[str, ...]
    """All that the rule looks at, as section.field; the first is the one to be mended."""
    says: str
    """Why, and the fix; no value of a secret."""


def broken_rules(settings: "Settings") -> Iterator[Broken]:
    """Every rule that the settings break."""
    yield from _kafka_security(settings)
    yield from _retention(settings)
    yield from _accounts(settings)
    yield from _ports(settings)
    yield from _bodies(settings)


def _kafka_security(settings: "Settings") -> Iterator[Broken]:
    kafka = settings.kafka
    protocol = kafka.security_protocol
    if protocol.startswith("SASL"):
        for name, value in (("sasl_user", kafka.sasl_user), ("sasl_password", kafka.sasl_password.get_secret_value())):
            if not value:
                yield Broken(
                    (f"kafka.{name}", "kafka.security_protocol"),
                    f"it is empty, and {protocol} cannot log in without it",
                )
    if kafka.ca_file and not protocol.endswith("SSL"):
        yield Broken(
            ("kafka.ca_file", "kafka.security_protocol"),
            f"it would not be looked at, because {protocol} does not encrypt; set GUIDESTREAM_KAFKA_SECURITY_PROTOCOL "
            "to SSL or SASL_SSL, or leave it out",
        )


_RAW: Final = ("raw_ttl_days", "conversions_ttl_days")
_ACCOUNTED: Final = (*_RAW, "dead_letters_ttl_days", "duplicates_ttl_days")


def _retention(settings: "Settings") -> Iterator[Broken]:
    hours = settings.kafka.retention_hours
    for name in _ACCOUNTED:
        days = getattr(settings.clickhouse, name)
        if not days or (days - 1) * 24 >= hours:
            continue
        why = (
            "what is late after an outage as long is recounted from raw rows"
            if name in _RAW
            else "the audit says of each of them where it is"
        )
        yield Broken(
            (f"clickhouse.{name}", "kafka.retention_hours"),
            f"Kafka keeps events for {hours} hours, and {why}, for which {days} days are too few; "
            f"give {-(-hours // 24) + 1} or more, or lower GUIDESTREAM_KAFKA_RETENTION_HOURS",
        )


def _accounts(settings: "Settings") -> Iterator[Broken]:
    if settings.clickhouse.bi_user == settings.clickhouse.user:
        yield Broken(
            ("clickhouse.bi_user", "clickhouse.user"),
            "it is the writing user as well, whose rights and password it would take; give it a name of its own",
        )


def _ports(settings: "Settings") -> Iterator[Broken]:
    for section in (settings.edge, settings.api):
        name = type(section).__name__.lower()
        hosts = {section.host, section.admin_host}
        if section.port and section.port == section.admin_port and (len(hosts) == 1 or hosts & _ALL_ADDRESSES):
            yield Broken(
                (f"{name}.admin_port", f"{name}.port", f"{name}.host", f"{name}.admin_host"),
                f"it is the same as GUIDESTREAM_{name.upper()}_PORT; give each a port of its own, or 0 for a free one",
            )


def _bodies(settings: "Settings") -> Iterator[Broken]:
    api = settings.api
    needed = api.max_body_bytes + api.max_unpacked_bytes
    if api.held_bytes < needed:
        yield Broken(
            ("api.held_bytes", "api.max_body_bytes", "api.max_unpacked_bytes"),
            f"one request may have {api.max_body_bytes} bytes and {api.max_unpacked_bytes} more unpacked, which would "
            f"never be let in; give {needed} or more, or lower the other two",
        )
    needed = STRANGERS_SHARE * settings.webhooks.max_bytes
    if api.held_bytes < needed:
        yield Broken(
            ("api.held_bytes", "webhooks.max_bytes"),
            f"those without an API key hold 1/{STRANGERS_SHARE} of it, and a webhook may have "
            f"{settings.webhooks.max_bytes} bytes; give {needed} or more, or lower the other",
        )
