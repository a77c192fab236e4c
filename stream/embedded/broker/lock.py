"""Recompute `kafka.lock`, after the version below was changed: `make lock` does.

`python -m stream.embedded.broker.lock` prints it; about 43 MiB are downloaded.
"""

import hashlib
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from jgo.maven import MavenContext

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOG_BINDING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
"""Kafka's own distribution adds it by hand, in the version of its log4j-core; resolved with Kafka its BOM would pull
older versions of everything."""


def lines(repository: Path) -> list[str]:
    """Coordinate, SHA-256 and size of every jar that Kafka needs at run time, fetched into a fresh repository."""
    context = MavenContext(repo_cache=repository, timeout=30)
    inputs, transitive = context.resolver.resolve([context.create_dependency(KAFKA)])
    needed = [*inputs, *(item for item in transitive if item.scope in ("compile", "runtime"))]
    found = []
    for dependency in [*needed, context.create_dependency(LOG_BINDING)]:
        artifact = dependency.artifact
        content = artifact.resolve().read_bytes()
        name = f"{artifact.groupId}:{artifact.artifactId}:{artifact.version}"
        found.append(f"{name} {hashlib.sha256(content).hexdigest()} {len(content)}")
    return found


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        sys.stdout.writelines(f"{line}\n" for line in lines(Path(scratch)))
