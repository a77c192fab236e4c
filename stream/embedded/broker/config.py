"""What one small Kafka node on 127.0.0.1 is told: `server.properties` and its log's configuration, as text."""

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Node:
    """Where the node listens and keeps what."""

    directory: Path
    """`<data.dir>/broker`"""
    port: int
    controller_port: int

    @property
    def bootstrap(self) -> str:
        """host:port that clients are given."""
        return f"{HOST}:{self.port}"

    @property
    def data(self) -> Path:
        """Topics and metadata."""
        return self.directory / "data"

    @property
    def logs(self) -> Path:
        """Kafka's own log."""
        return self.directory / "logs"

    @property
    def properties(self) -> Path:
        """The file that the node reads."""
        return self.directory / "server.properties"

    @property
    def log4j(self) -> Path:
        """The configuration of its log."""
        return self.directory / "log4j2.properties"


def server_properties(node: Node) -> str:
    """Kafka's configuration: KRaft, broker and controller in one, both on the loopback address."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{node.controller_port}",
        "listeners": f"PLAINTEXT://{node.bootstrap},CONTROLLER://{HOST}:{node.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{node.bootstrap}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": node.data,
        # Topics have contracts (schemas/topics.py): one that a typing error made would have none of them.
        "auto.create.topics.enable": "false",
        # One node: no copies.
        "offsets.topic.replication.factor": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        # A handful of groups and one transactional id: 50 partitions each would only make starting slower.
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.num.partitions": "1",
        # Nobody else is about to join: do not hold the first member up for 3 seconds.
        "group.initial.rebalance.delay.ms": "0",
        "transaction.max.timeout.ms": "900000",
        # Retention works by whole segments: small ones keep the disk near what the topics' settings promise.
        "log.segment.bytes": str(128 * 2**20),
        "log.retention.check.interval.ms": "60000",
        # The cleaner's buffer: 128 MiB by default, a quarter of the heap, for a registry of some megabytes.
        "log.cleaner.dedupe.buffer.size": str(16 * 2**20),
        "num.network.threads": "2",
        "num.io.threads": "4",
        "num.recovery.threads.per.data.dir": "2",
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def log4j2_properties(node: Node) -> str:
    """At most 40 MiB of log: four files of 10 MiB."""
    return f"""status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {node.logs}/kafka.log
appender.file.filePattern = {node.logs}/kafka.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}}{{UTC}} %p %m (%c{{1}})%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""
