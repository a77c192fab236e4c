"""Commands that only links have: add without an id, bulk, transfer, qr."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from schemas.registry import Link
from stream.base.clock import wall_clock
from stream.base.errors import InputError
from stream.cli import registry_io as shared
from stream.cli.registry_io import AsJson, DryRun

Codes = Annotated[list[str] | None, typer.Argument(metavar="CODE...", help="codes of links")]
_MAX_PIXELS = 10_000


def register(app: typer.Typer) -> None:
    """Put these commands into the app of `guidestream link`."""
    for name, command in (("add", _add), ("bulk", _bulk), ("transfer", _transfer), ("qr", _qr)):
        app.command(name)(command)


@shared.with_fields("link")
def _add(*, texts: dict[str, str], dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Add a link; without --code it gets 7 random characters."""
    from stream.registry.plans import plan_add  # noqa: PLC0415 - Kafka's client loads only when called for

    current = shared.settings()
    plan = plan_add("link", shared.patch("link", texts, current), wall_clock())
    shared.show_one("link", shared.carry_out(current, plan, dry_run=dry_run), current, as_json=as_json)


@shared.with_fields("link", leave_out=("code", "guide_id"))
def _bulk(
    *,
    texts: dict[str, str],
    store: Annotated[list[str] | None, typer.Option(help="guides of this store; may be repeated")] = None,
    region: Annotated[list[str] | None, typer.Option(help="guides of this region; may be repeated")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Add one link for each guide at work, for a campaign for example.

    {guide_id} {store_id} {region_id} {campaign_id} {wecom_userid} in --url, --fallback-url and UTM values become the
    guide's own. Made again it adds links for guides that have none like it yet.
    """
    from stream.registry.bulk import plan_bulk  # noqa: PLC0415 - Kafka's client loads only when called for

    current = shared.settings()
    template = shared.patch("link", texts, current)
    plan = plan_bulk(template, stores=store or (), regions=region or (), now_ms=wall_clock())
    made = shared.carry_out(current, plan, dry_run=dry_run)
    shared.show_many("link", made.links, current, as_json=as_json)
    said = "would be created" if dry_run else "created"
    typer.echo(f"{len(made.links)} {said}, {made.unchanged} guides have theirs already", err=True)


def _transfer(
    codes: Codes = None,
    *,
    to: Annotated[str, typer.Option(help="guide who gets them; '' for nobody: campaign links")],
    of: Annotated[str | None, typer.Option(help="all links of this guide instead of codes")] = None,
    from_: Annotated[str, typer.Option("--from", help="when, in the brand's time zone; now when left out")] = "",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give links to another guide from a time on. Clicks before it stay with the guide who had them."""
    from stream.registry.plans import plan_handover, plan_transfer  # noqa: PLC0415 - loads only when called for

    current = shared.settings()
    now_ms = wall_clock()
    if bool(codes) == (of is not None):
        raise InputError("give codes of links, or --of a guide")
    from_ms = shared.patch("link", {"valid_from": from_}, current)["valid_from"] or now_ms
    plan = plan_transfer(codes, to, from_ms, now_ms) if codes else plan_handover(of or "", to, from_ms, now_ms)
    shared.show_results("link", shared.carry_out(current, plan, dry_run=dry_run), current, as_json=as_json)


@shared.with_filters("link")
def _qr(
    *,
    codes: Codes = None,
    wanted: dict[str, str],
    out: Annotated[Path, typer.Option(help="directory; for a single code also a file")] = Path(),
    form: Annotated[Literal["svg", "png"], typer.Option("--format", help="svg for print, png for screens")] = "svg",
    pixels: Annotated[int, typer.Option(min=50, max=_MAX_PIXELS, help="about how wide")] = 600,
) -> None:
    """Write QR codes of links: one picture a link, named GUIDE_CODE.svg. A scan counts as one (trigger qr)."""
    from stream.registry.changes import Changes  # noqa: PLC0415 - Kafka's client loads only when called for
    from stream.registry.qr import qr_image  # noqa: PLC0415 - likewise
    from stream.registry.select import select  # noqa: PLC0415 - likewise

    if bool(codes) == bool(wanted):
        raise InputError("give codes of links, or filters like --campaign")
    current = shared.settings()
    now_ms = wall_clock()
    state = shared.state(current)
    changes = Changes(state, now_ms)
    links = [changes.get("link", code) for code in codes] if codes else select(state, "link", wanted, now_ms)
    single = len(links) == 1 and out.suffix == f".{form}"
    with shared.counting("pictures") as drawn:
        for done, link in enumerate(links, start=1):
            assert isinstance(link, Link)
            picture = qr_image(current.edge.public_url, link.code, form, pixels=pixels)
            name = f"{link.owner_at(now_ms) or link.campaign_id or 'link'}_{link.code}.{form}"
            shared.write_file(out if single else out / name, picture)
            drawn(done)
    typer.echo(f"{len(links)} written to {out}", err=True)
