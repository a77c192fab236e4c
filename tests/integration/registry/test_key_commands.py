"""`guidestream key` on a real broker, as people type it."""

import asyncio
import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from stream.base.errors import ConflictError, GuidestreamError, InputError, NotFoundError
from stream.base.settings import Settings
from stream.cli import key, registry_io
from stream.registry.api_keys import read_key
from stream.registry.writer import Writer

Run = Callable[..., Result]


@pytest.fixture
def run(kafka_topics: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `guidestream key ...`; an error of ours is raised, as `guidestream` itself would report it."""
    monkeypatch.setattr(registry_io, "settings", lambda: kafka_topics)

    def command(*words: str) -> Result:
        result = CliRunner().invoke(key.key, list(words))
        if isinstance(result.exception, GuidestreamError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result

    return command


def listed(run: Run) -> dict[str, Any]:
    return {one["id"]: one for one in json.loads(run("list", "--json").stdout)}


def test_keys_are_made_shown_once_shut_out_and_deleted(run: Run) -> None:
    text = run("add", "shop-erp", "--scope", "events:write", "--name", "商城").stdout.strip()
    told = json.loads(run("add", "bi", "--scope", "registry:read", "--scope", "events:write", "--json").stdout)
    assert told["scopes"] == ["events:write", "registry:read"]
    assert read_key(text)[0] == "shop-erp"
    assert read_key(told["key"])[0] == "bi"
    shown = run("show", "shop-erp").stdout + run("list").stdout + run("list", "--json").stdout
    assert "商城" in shown
    secret = read_key(text)[1]
    assert secret not in shown
    assert sha256(secret.encode()).hexdigest() not in shown

    run("disable", "shop-erp", "bi")
    run("enable", "bi")
    assert {id_: one["disabled"] for id_, one in listed(run).items()} == {"shop-erp": True, "bi": False}
    run("delete", "bi")
    assert list(listed(run)) == ["shop-erp"]


async def test_only_the_hash_is_in_the_topic(kafka_topics: Settings, run: Run) -> None:
    text = (await asyncio.to_thread(run, "add", "a", "--scope", "events:write")).stdout.strip()
    state = await Writer(kafka_topics).read()
    assert state.api_keys["a"].sha256 == sha256(read_key(text)[1].encode()).hexdigest()


def test_what_cannot_be_done_is_said(run: Run) -> None:
    run("add", "a", "--scope", "events:write")
    with pytest.raises(ConflictError, match="already"):
        run("add", "a", "--scope", "registry:read")
    with pytest.raises(InputError, match="events:write, registry:read"):
        run("add", "b", "--scope", "everything")
    with pytest.raises(InputError, match="letters, digits"):
        run("add", "a_b", "--scope", "events:write")
    for command in ("show", "disable", "enable", "delete"):
        with pytest.raises(NotFoundError, match="no key 'nobody'"):
            run(command, "nobody")
    assert list(listed(run)) == ["a"]
