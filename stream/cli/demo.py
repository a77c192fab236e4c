"""`guidestream demo`: everything on this machine with a demo brand and simulated taps."""

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from stream.base import log, settings

demo = typer.Typer(add_completion=False, rich_markup_mode=None)
apps = {"demo": demo}


@demo.command()
def run(
    seconds: Annotated[
        float | None, typer.Option(min=1, help="Tap for so long, then drain, audit and compare; else until Ctrl-C.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=20_000, help="Taps a second.")] = 50.0,
    report: Annotated[
        Path | None, typer.Option(help="Write the report here, one JSON object; - is the screen.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep everything here; else in a folder that is removed at the end.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the brand and its people.")] = 1,
) -> None:
    """Run Kafka, ClickHouse, edge, api and worker on free ports, load a demo brand, and tap its links over real HTTP.

    The brand has 4 regions, 12 stores, 120 guides and 600 links; its people have phones, habits and cookies, and there
    are bots and link previews among them. Some add the guide, talk, buy and give back, at rates that are known. At the
    end every tap that was answered and every event must be one row and one count, and the views must give the rates
    back: the exit code is 0 only then.
    """
    from rich.console import Console  # noqa: PLC0415 - loads only when called for

    from stream.embedded.demo.report import differences  # noqa: PLC0415
    from stream.embedded.demo.run import Plan, demo_settings, log_file  # noqa: PLC0415
    from stream.embedded.demo.run import run as play  # noqa: PLC0415

    directory = data_dir or Path(tempfile.mkdtemp(prefix="guidestream-demo-"))
    console = Console(stderr=report == Path("-"))
    try:
        current = demo_settings(settings.load(), directory)
        directory.mkdir(parents=True, exist_ok=True)
        with log_file(directory).open("a", encoding="utf-8") as logs:
            log.configure(process="demo", level=current.log.level, stream=logs)
            found = asyncio.run(play(current, Plan(rate, seconds, seed), console, logs))
    finally:
        if data_dir is None:
            shutil.rmtree(directory, ignore_errors=True)
    text = json.dumps(found, ensure_ascii=False)
    if report == Path("-"):
        typer.echo(text)
    elif report is not None:
        report.write_text(text + "\n", encoding="utf-8")
    wrong = differences(found)
    for sentence in wrong:
        console.print(f"differs: {sentence}", style="red", highlight=False)
    if wrong:
        raise typer.Exit(1)
    console.print(
        f"{found['taps_answered']} taps, {found['raw_rows']} rows, {found['window_clicks']} in windows; "
        f"{found['conversions_sent']} events, {found['orders']} orders, ¥{found['revenue']}: "
        "nothing lost, nothing doubled. 一次不多，一次不少。",
        style="green",
        highlight=False,
        soft_wrap=True,
    )
