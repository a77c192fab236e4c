"""What one small Kafka node on 127.0.0.1 is told: `server.properties` and its log's configuration, as text.

All paths are relative to the node's directory, where its JVM runs: so the directory may have any name (Kafka splits
`log.dirs` at commas and reads its file as Latin-1) and may be moved.
"""

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
DATA = "data"
LOGS = "logs"
PROPERTIES = "server.properties"
LOG4J = "log4j2.properties"


@dataclass(frozen=True, slots=True)
class Node:
    """Where the node listens and keeps what it keeps."""

    directory: Path
    """`<data.dir>/broker`, absolute."""
    port: int
    controller_port: int

    @property
    def data(self) -> Path:
        """Topics and metadata."""
        return self.directory / DATA

    @property
    def logs(self) -> Path:
        """Kafka's own log."""
        return self.directory / LOGS

    def write_configuration(self) -> None:
        """Write both files, anew at each start: ports may have changed."""
        self.logs.mkdir(exist_ok=True)
        (self.directory / PROPERTIES).write_text(server_properties(self.port, self.controller_port), encoding="ascii")
        (self.directory / LOG4J).write_text(_LOG4J, encoding="ascii")


def server_properties(port: int, controller_port: int) -> str:
    """Kafka's configuration: KRaft, broker and controller in one, both on the loopback address alone."""
    values = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": DATA,
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
        # After a kill the controller lets the node back in when its old self has timed out: 3 s instead of 9. Both
        # live in one process, so a stall that stops the heartbeat stops the clock that waits for it.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
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


# At most 40 MiB of log: four files of 10 MiB. Each start begins a new one, so what it holds is about this run.
_LOG4J = f"""status = error
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = {LOGS}/kafka.log
appender.file.filePattern = {LOGS}/kafka.log.%i
appender.file.layout.type = PatternLayout
appender.file.layout.charset = UTF-8
appender.file.layout.pattern = %d{{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}}{{UTC}} %p %m (%c{{1}})%n
appender.file.policies.type = Policies
appender.file.policies.startup.type = OnStartupTriggeringPolicy
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""
