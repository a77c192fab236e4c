"""The `guidestream` command: one thin module per group of commands, imported only when it is called for.

Every command reads `stream.base.settings.load()`; one that asks Kafka or ClickHouse also finds those that run below the
same data.dir on ports of their own (`stream.embedded.ports.located`). An error of our own ends it with its sentence and
its exit code, no traceback.
"""

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from stream.base.errors import GuidestreamError
from stream.base.terminal import printable

# command -> (module below stream.cli, one line of help); the module's `apps` maps each of its commands to a Typer app
COMMANDS: dict[str, tuple[str, str]] = {
    "broker": ("broker", "run the embedded Kafka broker of this machine"),
    "topics": ("topics", "create or check the Kafka topics"),
    "warehouse": ("warehouse", "run the embedded ClickHouse engine behind its HTTP interface"),
    "migrate": ("migrate", "bring the ClickHouse schema up to date"),
    "store": ("registry", "stores: add, list, show, update, disable, import, export"),
    "guide": ("registry", "guides: add, list, show, update, disable, import, export"),
    "campaign": ("registry", "campaigns: add, list, show, update, disable, import, export"),
    "link": ("registry", "links: add, bulk, list, show, update, transfer, qr, disable, import, export"),
    "key": ("key", "API keys: add, list, show, disable, enable, delete"),
    "import": ("imports", "orders, messages, tasks, costs and customers from CSV, XLSX and NDJSON files"),
    "edge": ("edge", "run the redirect edge"),
    "spool": ("spool", "look at what waits for Kafka"),
    "token": ("token", "read a click token"),
    "worker": ("worker", "run the stream worker"),
    "audit": ("audit", "recount windows from raw rows and from Kafka, name what differs"),
    "dead-letters": ("dead_letters", "list, show and replay rejected events"),
    "erase": ("erase", "take a person out of everything, keep the numbers"),
    "api": ("api", "run the HTTP API"),
    "up": ("up", "run everything on this machine"),
    "demo": ("demo", "run everything with a demo brand and simulated taps"),
    "status": ("status", "processes, lag, freshness, spool"),
    "config": ("config", "settings in force and where each came from"),
}


class _Lazy(TyperGroup):
    """Loads a command's module when it is called, so that `guidestream token` does not import Faust."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module_name, help_line = COMMANDS[cmd_name]
        module = importlib.import_module(f"stream.cli.{module_name}")
        group: typer.Typer = module.apps[cmd_name]
        command = typer.main.get_command(group)
        command.name = cmd_name
        command.short_help = help_line
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """List names and lines without importing anything."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


app = typer.Typer(
    name="guidestream",
    cls=_Lazy,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="From a tap on a guide's link to a number that adds up. Settings: see guidestream config.",
)


@app.callback()
def _root() -> None:
    """Make `app` a group even with a single command."""


def run() -> None:
    """Entry point of the console script."""
    try:
        app()
    except GuidestreamError as error:
        print(printable(f"guidestream: {error}"), file=sys.stderr)  # noqa: T201 - the command line speaks
        sys.exit(error.exit_code)
