"""Every setting of every process, read once from the environment into one frozen object.

A variable is named after its section and field: `GUIDESTREAM_KAFKA_BOOTSTRAP` is `settings.kafka.bootstrap`.
Units stand in the names. `guidestream config` prints what is in force and where each value came from.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from stream.base import settings_checks as checks
from stream.base.errors import SettingsError
from stream.base.settings_rules import broken_rules

PREFIX = "GUIDESTREAM_"
Port = Annotated[int, Field(ge=0, le=65535)]
Milliseconds = int
"""Bounds stand in each field: of two in one annotation pydantic keeps the wrong one."""
ReadableFile = Annotated[Path, AfterValidator(checks.readable_file)]


class Section(BaseModel):
    """A group of settings; frozen, unknown names refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(Section):
    """Where this machine keeps what must survive a restart."""

    dir: Path = Field(
        default_factory=lambda: (
            Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "guidestream"
        ),
        description="spools, registry snapshot, embedded broker and warehouse live below it",
        examples=["~/.local/state/guidestream"],  # what the reference shows: the default is another for each user
    )

    _usable = field_validator("dir")(checks.directory_or_nothing)


class Brand(Section):
    """What is particular to the brand."""

    timezone: str = Field(
        "Asia/Shanghai", description="business hours, days and weeks are in this zone; storage is UTC"
    )
    currency: str = Field(
        "CNY", pattern=r"^[A-Z]{3}$", description="of every amount, ISO 4217; events in another are rejected"
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"no such time zone: {value!r}; use an IANA name like Asia/Shanghai") from error
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as an object."""
        return ZoneInfo(self.timezone)


class Log(Section):
    """Logging."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe level that is printed"
    )


class Kafka(Section):
    """The broker: the embedded one by default, a cluster in production."""

    bootstrap: str = Field("127.0.0.1:9092", description="host:port, several separated by commas")
    topic_prefix: str = Field(
        "", pattern=r"^[a-zA-Z0-9._-]{0,64}$", description="put before every topic name; for shared clusters"
    )
    clicks_partitions: int = Field(4, ge=1, le=1024, description="may be raised later")
    conversions_partitions: int = Field(4, ge=1, le=1024, description="may be raised later")
    replication: int = Field(1, ge=1, le=5, description="3 on a cluster; the embedded broker is one node")
    retention_hours: int = Field(
        168, ge=1, description="how long clicks and conversions stay in Kafka: the longest outage of the worker"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="as the cluster wants it"
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field("PLAIN", description="used with SASL_*")
    sasl_user: str = Field("", description="used with SASL_*")
    sasl_password: SecretStr = Field(SecretStr(""), description="used with SASL_*")
    ca_file: ReadableFile | None = Field(
        None, description="PEM of the cluster's certificate authority; the system's store when unset"
    )

    _brokers = field_validator("bootstrap")(checks.broker_list)
    _certificates = field_validator("ca_file")(checks.certificates)


class ClickHouse(Section):
    """The warehouse: the embedded one by default, a server or cluster in production."""

    url: str = Field(
        "http://127.0.0.1:8123", pattern=r"^https?://[^/@]+$", description="HTTP interface, no path, no user in it"
    )
    user: str = Field("guidestream", description="writes and migrates")
    password: SecretStr = Field(SecretStr(""), description="of that user")
    database: str = Field(
        "guidestream", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="all tables and views live in it"
    )
    bi_user: str = Field("bi", pattern=r"^[a-z][a-z0-9_]{0,62}$", description="reads the bi_* views and nothing else")
    bi_password: SecretStr = Field(SecretStr(""), description="of the read-only user")
    cluster: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_.-]{0,63}$",
        description="name of the cluster: ON CLUSTER and replicated engines; empty for one server",
    )
    raw_ttl_days: int = Field(
        400, ge=0, description="clicks older than this are dropped; 0 keeps them for ever, 1 is too short to count by"
    )
    conversions_ttl_days: int = Field(
        0,
        ge=0,
        description="conversions older than this are dropped, likewise; customers keep what was made of them, and "
        "rates of the days before are unknown (NULL)",
    )
    dead_letters_ttl_days: int = Field(400, ge=0, description="rejected events older than this are dropped; 0: never")
    duplicates_ttl_days: int = Field(
        400, ge=0, description="notes of repeated events older than this are dropped; 0: never"
    )
    customers_ttl_days: int = Field(
        0, ge=0, description="a customer of whom nothing came for so long is forgotten; 0: never"
    )
    aliases_ttl_days: int = Field(
        0, ge=0, description="that two ids are one customer is forgotten after this time; 0: never"
    )
    timeout_ms: Milliseconds = Field(30_000, ge=100, description="one request, before it is tried again")

    _address = field_validator("url")(checks.address)

    @field_validator("raw_ttl_days", "conversions_ttl_days")
    @classmethod
    def _leaves_something_to_count(cls, value: int) -> int:
        if value == 1:
            raise ValueError(
                "a window is recounted from raw rows until a day before they may be dropped, which with 1 is never: "
                "late events would not be counted; give 2 or more, or 0"
            )
        return value


class Token(Section):
    """Click tokens."""

    keys: SecretStr = Field(
        SecretStr(""),
        description="comma-separated ID:HEX (ID 0-15, 16-64 bytes of hex); the first signs, all verify; "
        "made and kept below data.dir when empty",
    )

    _keys = field_validator("keys")(checks.keys_or_nothing)


class Privacy(Section):
    """What names a person."""

    keys: SecretStr = Field(
        SecretStr(""),
        description="like token.keys, newest first: phone numbers and names are stored as hashes under the first, all "
        "are looked up; numbers in event ids that look like phone numbers are hashed under the last; keep one as long "
        "as rows it wrote; made and kept below data.dir when empty",
    )

    _keys = field_validator("keys")(checks.keys_or_nothing)


class Edge(Section):
    """The redirect edge."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(8080, description="public port; 0 picks a free one")
    admin_host: str = Field("127.0.0.1", description="address of /healthz, /readyz, /metrics; never the public one")
    admin_port: Port = Field(9108, description="admin port; 0 picks a free one")
    number: int = Field(
        0, ge=0, le=1023, description="of this edge process; two edges that run at once need two numbers"
    )
    public_url: str = Field(
        "http://127.0.0.1:8080", pattern=r"^https?://[^/]+$", description="what short links begin with"
    )
    trusted_proxies: int = Field(
        0, ge=0, le=16, description="the client's IP is the N-th from the right of X-Forwarded-For; 0: the peer's"
    )
    visitor_cookie: str = Field(
        "gs_vid", pattern=r"^[A-Za-z0-9_-]{0,32}$", description="name of the first-party cookie; empty switches it off"
    )
    max_connections: int = Field(10_000, ge=1, description="open connections at once")
    drain_ms: Milliseconds = Field(
        10_000, ge=0, description="how long SIGTERM waits for answers under way and the spool to be shipped"
    )


class Spool(Section):
    """The disk between an answer and Kafka."""

    segment_bytes: int = Field(16 * 1024 * 1024, ge=4096, description="a segment is closed at this size")
    max_bytes: int = Field(
        4 * 1024**3,
        ge=2 * 1024**2,  # four segments, each of which holds the largest event
        description="cap on disk; beyond it events are dropped and counted",
    )
    fsync_ms: Milliseconds = Field(100, ge=1, le=1000, description="group fsync: what a power cut may lose")
    send_timeout_ms: Milliseconds = Field(
        30_000, ge=100, description="an unacknowledged batch is an unknown outcome after this"
    )


class Intake(Section):
    """The way in for conversions: events API, callbacks, webhooks, import."""

    recent_ids: int = Field(
        200_000,
        ge=0,
        le=20_000_000,
        description="event ids that a process remembers at least, to answer `duplicate`; about 100 bytes each",
    )
    drain_ms: Milliseconds = Field(10_000, ge=0, description="how long the end of a process waits for its spool")


class Webhooks(Section):
    """Signed messages of shops and mini-programs."""

    config_file: ReadableFile | None = Field(
        None, description="TOML: a table per source with its secrets and its mapping; none may send when unset"
    )
    max_bytes: int = Field(256 * 1024, ge=1024, le=16 * 1024**2, description="of one message")


class Registry(Section):
    """Guides, links, campaigns, stores."""

    snapshot_seconds: int = Field(30, ge=1, description="how often a changed registry is written to the local snapshot")


class Worker(Section):
    """The Faust worker."""

    group: str = Field("guidestream-worker", pattern=r"^[a-zA-Z0-9._-]{1,128}$", description="consumer group")
    instance: str = Field(
        "",
        pattern=r"^[a-zA-Z0-9._-]{0,128}$",
        description="static member name, one per worker that runs at once; empty: dynamic",
    )
    metrics_host: str = Field("127.0.0.1", description="address of /metrics, /healthz, /readyz")
    metrics_port: Port = Field(9109, description="port of /metrics; 0 picks a free one")
    session_ms: Milliseconds = Field(
        10_000, ge=6_000, description="a silent worker's partitions are given away after this"
    )
    max_batch: int = Field(20_000, ge=1, le=50_000, description="records that are taken from fetches at a time")
    fetch_wait_ms: Milliseconds = Field(
        20, ge=1, le=5_000, description="how long an empty partition may hold up a fetch"
    )
    batch_ms: Milliseconds = Field(
        250, ge=0, description="rows of one partition are inserted this often at most: a part each time"
    )
    flush_ms: Milliseconds = Field(500, ge=10, description="window rows and offsets are written this often")
    late_ms: Milliseconds = Field(2_000, ge=10, description="windows of late events are recounted this often")
    grace_ms: Milliseconds = Field(
        30_000, ge=0, description="an event later than this after its window's end takes the late road"
    )
    future_ms: Milliseconds = Field(
        300_000, ge=0, description="an event time this far ahead of the broker's clock is rejected"
    )
    reject_limit: float = Field(
        0.5, gt=0, le=1, description="the worker stops when it would reject more than this share"
    )
    reject_limit_events: int = Field(10_000, ge=1, description="the share is taken over at least this many events")
    cached_customers: int = Field(
        20_000, ge=0, description="customers kept in memory per partition of conversions, about 1 KB each"
    )
    top_links: int = Field(100, ge=1, le=10_000, description="links with gauges of their own; the rest is one number")
    audit_seconds: int = Field(300, ge=1, description="windows of the last hours are recounted and compared this often")
    drain_ms: Milliseconds = Field(
        15_000, ge=0, description="how long SIGTERM waits for batches under way to be written and committed"
    )


class Attribution(Section):
    """Who gets the credit for a conversion, and what counts as contact."""

    customer_days: int = Field(90, ge=1, le=3650, description="a customer's click is credited this long afterwards")
    visitor_days: int = Field(30, ge=1, le=3650, description="a visitor's last click is credited this long afterwards")
    guide_minutes: int = Field(
        30,
        ge=0,
        le=1440,
        description="a friend added without a token is explained by the guide's clicks this long before",
    )
    contact_hours: int = Field(
        48,
        ge=24,  # what is kept of a customer's messages is exact for a day or more
        le=720,
        description="an effective contact is a message in each direction within so many hours of each other; after a "
        "change run `guidestream migrate`, and it holds for all customers of all time",
    )

    @property
    def contact_ms(self) -> Milliseconds:
        """The hours of an effective contact."""
        return self.contact_hours * 3_600_000


class Api(Section):
    """The HTTP API."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(8000, description="port; 0 picks a free one")
    admin_host: str = Field("127.0.0.1", description="address of its /healthz, /readyz, /metrics")
    admin_port: Port = Field(9110, description="admin port; 0 picks a free one")
    max_connections: int = Field(4096, ge=1, description="open connections at once; more wait")
    trusted_proxies: int = Field(
        0, ge=0, le=16, description="the client's IP is the N-th from the right of X-Forwarded-For; 0: the peer's"
    )
    body_ms: Milliseconds = Field(10_000, ge=100, description="how long a request may take to send its body")
    held_bytes: int = Field(
        128 * 1024**2,
        ge=1024**2,
        description="bodies in memory, of all requests together; a quarter without API key; beyond it 503, try again",
    )
    max_body_bytes: int = Field(8 * 1024**2, ge=1024, description="a request with events, as it is sent")
    max_unpacked_bytes: int = Field(32 * 1024**2, ge=1024, description="a request with events that came as gzip")
    max_events: int = Field(10_000, ge=1, description="events in one request")
    events_per_second: int = Field(50_000, ge=1, description="events of one API key; beyond it 429, try again")
    collect_per_second: int = Field(1_000, ge=1, description="events from landing pages, of all visitors together")
    collect_per_minute: int = Field(
        600, ge=1, description="the same of one network: 256 addresses of IPv4, a site of IPv6 (/48)"
    )


class Wecom(Section):
    """Callbacks of WeCom (企业微信), which the API answers."""

    config_file: ReadableFile | None = Field(
        None, description="TOML with one table for each callback URL, see deploy/wecom.example.toml; none when unset"
    )


class Broker(Section):
    """The embedded broker."""

    port: Port = Field(9092, description="on 127.0.0.1; 0 picks a free one")
    heap_mib: int = Field(512, ge=128, description="Java heap")


class Warehouse(Section):
    """The embedded warehouse."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: Port = Field(8123, description="ClickHouse HTTP interface; 0 picks a free one")
    memory_mib: int = Field(2048, ge=256, description="max_server_memory_usage of the engine")
    threads: int = Field(16, ge=2, le=256, description="requests served at once; the BI user gets at most half of them")


class Prometheus(Section):
    """The Prometheus that `guidestream up` starts."""

    program: str = Field(
        "prometheus", description="its name, found on PATH, or its path; empty: `up` starts no Prometheus"
    )
    port: Port = Field(9090, description="on 127.0.0.1; 0 picks a free one")
    scrape_seconds: int = Field(5, ge=1, description="processes are asked for their metrics this often")
    retention_days: int = Field(15, ge=1, description="older samples are dropped")


class Geo(Section):
    """IP to place; the country is always known."""

    city_file: ReadableFile | None = Field(
        None, description="operator's own database: MaxMind format (.mmdb) or ip2region (.xdb)"
    )


class Settings(Section):
    """All sections. Frozen; make one per process with `load`."""

    data: Data = Field(default_factory=Data)
    brand: Brand = Field(default_factory=Brand)
    log: Log = Field(default_factory=Log)
    kafka: Kafka = Field(default_factory=Kafka)
    clickhouse: ClickHouse = Field(default_factory=ClickHouse)
    token: Token = Field(default_factory=Token)
    privacy: Privacy = Field(default_factory=Privacy)
    edge: Edge = Field(default_factory=Edge)
    spool: Spool = Field(default_factory=Spool)
    intake: Intake = Field(default_factory=Intake)
    webhooks: Webhooks = Field(default_factory=Webhooks)
    registry: Registry = Field(default_factory=Registry)
    worker: Worker = Field(default_factory=Worker)
    attribution: Attribution = Field(default_factory=Attribution)
    api: Api = Field(default_factory=Api)
    wecom: Wecom = Field(default_factory=Wecom)
    broker: Broker = Field(default_factory=Broker)
    warehouse: Warehouse = Field(default_factory=Warehouse)
    prometheus: Prometheus = Field(default_factory=Prometheus)
    geo: Geo = Field(default_factory=Geo)

    def topic(self, name: str) -> str:
        """The name of a topic as the broker knows it."""
        return self.kafka.topic_prefix + name


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (the process environment by default).

    Raises:
        SettingsError: names every wrong setting, and every variable with our prefix that names no setting.
    """
    environ = os.environ if environ is None else environ
    values: dict[str, dict[str, str]] = {}
    problems: list[str] = []
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        section, _, field = name.removeprefix(PREFIX).lower().partition("_")
        kind = Settings.model_fields.get(section)
        fields = getattr(kind.annotation, "model_fields", {}) if kind else {}
        if field not in fields:
            problems.append(f"{name}: no such setting; see guidestream config for their names")
            continue
        if not environ[name] and fields[field].annotation not in (str, SecretStr):
            continue  # an empty number or path means "not set": a compose file passes variables on like that
        values.setdefault(section, {})[field] = environ[name]
    settings, wrong = _validated(values)
    problems += wrong.values()
    problems += [
        f"{_variable(broken.fields[0])}: {broken.says}"
        for broken in broken_rules(settings)
        if wrong.keys().isdisjoint(broken.fields)
    ]
    if problems:
        raise SettingsError("settings that cannot be used:\n  " + "\n  ".join(problems))
    return settings


def _validated(values: Mapping[str, Mapping[str, str]]) -> tuple[Settings, dict[str, str]]:
    """Settings with the defaults in place of what is wrong, and what is wrong: section.field -> sentence."""
    try:
        return Settings.model_validate(values), {}
    except ValidationError as error:
        wrong = {
            ".".join(map(str, item["loc"][:2])): item for item in error.errors(include_url=False, include_context=False)
        }
    right = {
        section: {name: value for name, value in fields.items() if f"{section}.{name}" not in wrong}
        for section, fields in values.items()
    }
    return Settings.model_validate(right), {
        field: f"{_variable(field)}: {item['msg'].removeprefix('Value error, ')} (got {_shown(item)})"
        for field, item in wrong.items()
    }


def _variable(field: str) -> str:
    return PREFIX + field.replace(".", "_").upper()


def environment(settings: Settings) -> dict[str, str]:
    """The settings that differ from their defaults, as variables for a child process; secrets included."""
    out: dict[str, str] = {}
    for section_name in Settings.model_fields:
        section: Section = getattr(settings, section_name)
        default = type(section)()
        for field in type(section).model_fields:
            value = getattr(section, field)
            if value == getattr(default, field):
                continue
            text = value.get_secret_value() if isinstance(value, SecretStr) else "" if value is None else str(value)
            out[f"{PREFIX}{section_name}_{field}".upper()] = text
    return out


def _shown(item: Any) -> str:
    secret = any(word in str(item["loc"][-1]) for word in ("password", "keys"))
    return "a secret, not shown" if secret else repr(item.get("input"))
