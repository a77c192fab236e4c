"""The commands on a real broker, as people type them."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stream.base.errors import GuidestreamError, NotFoundError
from stream.base.settings import Settings
from stream.cli import registry, registry_io
from stream.registry.fields import FIELDS

Run = Callable[..., Result]


@pytest.fixture
def run(kafka_topics: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `guidestream KIND ...`; an error of ours is raised, as `guidestream` itself would report it."""
    monkeypatch.setattr(registry_io, "settings", lambda: kafka_topics)

    def command(kind: str, *words: str, fails: bool = False, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(registry.apps[kind], list(words), input=stdin)
        if isinstance(result.exception, GuidestreamError):
            raise result.exception
        assert (result.exit_code != 0) == fails, result.output
        return result

    return command


def told(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_brand_is_set_up_by_hand(run: Run, tmp_path: Path) -> None:
    run("store", "add", "s1", "--name", "南京西路店", "--region-id", "east")
    for id_ in ("g1", "g2"):
        run("guide", "add", id_, "--name", "张三", "--store-id", "s1")
    run("campaign", "add", "c1", "--name", "双十一", "--start", "2026-11-01")
    link = told(run("link", "add", "--url", "https://shop.example.com", "--guide-id", "g1", "--json"))
    assert (len(link["code"]), link["number"], link["guide_id"]) == (7, 1, "g1")
    made = told(run("link", "bulk", "--campaign-id", "c1", "--url", "https://shop.example.com/{guide_id}", "--json"))
    assert [one["url"] for one in made] == ["https://shop.example.com/g1", "https://shop.example.com/g2"]
    assert (
        "0 created, 2 guides have theirs already"
        in run("link", "bulk", "--campaign-id", "c1", "--url", "https://shop.example.com/{guide_id}").stderr
    )

    (moved,) = told(run("link", "transfer", link["code"], "--to", "g2", "--json"))
    assert (moved["guide_id"], moved["change"], len(moved["owners"])) == ("g2", "updated", 2)
    assert "g1 since the beginning" in run("link", "show", link["code"]).stdout
    assert "双十一" in run("campaign", "list").stdout
    run("link", "disable", link["code"])
    assert [one["code"] for one in told(run("link", "list", "--disabled", "yes", "--json"))] == [link["code"]]

    run("link", "qr", "--campaign", "c1", "--out", str(tmp_path / "qr"), "--format", "png")
    names = sorted(path.name for path in (tmp_path / "qr").iterdir())
    assert names == sorted(f"{one['guide_id']}_{one['code']}.png" for one in made)
    run("link", "qr", link["code"], "--out", str(tmp_path / "one.svg"))
    assert (tmp_path / "one.svg").read_bytes().endswith(b"</svg>\n")


def test_files_go_in_whole_or_not_at_all_and_come_out_as_they_went_in(run: Run, tmp_path: Path) -> None:
    stores, bad = tmp_path / "stores.csv", tmp_path / "bad.csv"
    stores.write_bytes("id,name,region_id\r\ns1,南京西路店,east\r\ns2,=1+1,north\r\n".encode("gb18030"))
    bad.write_text("id,name,region_id\ns3,good,east\ns4,,east\n")
    assert told(run("store", "import", str(stores), "--dry-run", "--json"))["created"] == 2
    assert told(run("store", "list", "--json")) == []
    assert "2 created, 0 updated, 0 unchanged" in run("store", "import", str(stores)).stdout
    assert "0 created, 0 updated, 2 unchanged" in run("store", "import", str(stores)).stdout
    problems = told(run("store", "import", str(bad), "--json", fails=True))["problems"]
    assert [(problem["row"], problem["field"]) for problem in problems] == [(3, "name")]
    assert "is empty; give a name" in run("store", "import", str(bad), fails=True).stdout
    assert [store["id"] for store in told(run("store", "list", "--json"))] == ["s1", "s2"]

    out = tmp_path / "out.csv"
    run("store", "export", "--out", str(out), "--bom")
    rows = list(csv.DictReader(out.read_text(encoding="utf-8-sig").splitlines()))
    assert [row["name"] for row in rows] == ["南京西路店", "'=1+1"]
    exported = run("store", "export").stdout
    assert "2 unchanged" in run("store", "import", "-", stdin=exported).stdout


def test_what_cannot_be_done_is_said_and_nothing_is_changed(run: Run) -> None:
    with pytest.raises(NotFoundError, match="no guide 'g9'"):
        run("guide", "show", "g9")
    with pytest.raises(GuidestreamError, match=r"store_id: there is no store 's9'.*monthly_cost"):
        run("guide", "add", "g1", "--name", "x", "--store-id", "s9", "--monthly-cost", "-1")
    with pytest.raises(GuidestreamError, match="nothing to change"):
        run("guide", "update", "g1")
    with pytest.raises(GuidestreamError, match="give codes"):
        run("link", "transfer", "--to", "g1")
    with pytest.raises(GuidestreamError, match="cannot be read"):
        run("guide", "import", "/nowhere/at/all.csv")
    run("store", "add", "s1", "--name", "a", "--region-id", "r", "--dry-run")
    assert told(run("store", "list", "--json")) == []


@pytest.mark.parametrize("kind", registry.apps)
def test_help_names_every_column_of_a_file(kind: str) -> None:
    text = CliRunner().invoke(registry.apps[kind], ["import", "--help"]).stdout
    for field in FIELDS[kind]:
        assert f"{field.name}:" in text
