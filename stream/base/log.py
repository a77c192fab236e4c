"""Structured logs: readable on a terminal, else one JSON object a line. Never a secret, an IP or a user agent."""

import logging
import sys
from typing import Any, Final, TextIO

import structlog

_SILENT_S: Final = 10.0
_SENTENCES: Final = 1000
"""Bounds memory: some libraries put what varies into the sentence itself."""


def configure(*, process: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Set up logging once per process; `process` is bound to every line (edge, worker, ...)."""
    out = stream or sys.stderr
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: list[Any]
    if out.isatty():
        # Its own tracebacks show the variables of each frame: keys of callers, phone numbers, whole requests.
        renderer = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    else:
        renderer = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*processors, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(out),
        # Not cached: lines are few, and commands that run within one process (tests do) set up their own level.
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)
    # Libraries speak through logging: the same lines, warnings and worse only, each sentence now and then only.
    handler = logging.StreamHandler(out)
    handler.addFilter(_Repeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))


class _Repeats(logging.Filter):
    """Lets a sentence pass once in a while: Kafka clients say the same fifty times a second while a broker is down."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it was not said lately; what varies in it (a node, an error) makes no other sentence of it."""
        sentence = (record.name, str(record.msg)[:200])
        if record.created - self._said.get(sentence, 0.0) < _SILENT_S:
            return False
        if len(self._said) >= _SENTENCES:
            self._said.clear()
        self._said[sentence] = record.created
        return True


def get(name: str) -> structlog.typing.FilteringBoundLogger:
    """A logger; `name` says which module speaks."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(module=name)
    return logger
