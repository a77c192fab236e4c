"""API keys: what their text is, and what may be done with them."""

import secrets

import pytest

from stream.base.errors import ConflictError, InputError, NotFoundError
from stream.registry.api_keys import (
    SCOPES,
    SECRET_BYTES,
    is_secret_of,
    key_text,
    new_key,
    plan_add,
    plan_delete,
    plan_disabled,
    read_key,
)
from stream.registry.snapshot import Builder, Snapshot

SECRET = secrets.token_urlsafe(SECRET_BYTES)


def made(id_: str = "shop-1.erp", **fields: object) -> Snapshot:
    return Builder().add(new_key(id_, "商城", ["registry:read", "events:write"], SECRET, 5)).build(1)


def test_a_key_is_known_by_its_text_and_nothing_of_the_secret_is_kept() -> None:
    key = made().api_keys["shop-1.erp"]
    assert read_key(key_text(key.id, SECRET)) == ("shop-1.erp", SECRET)
    assert is_secret_of(SECRET, key)
    assert not is_secret_of(SECRET[:-1] + "!", key)
    assert not is_secret_of(SECRET, None)
    assert SECRET not in repr(key)
    assert key.scopes == SCOPES


@pytest.mark.parametrize(
    "text", ["", "gs_", f"gs_a_b_{SECRET}", f"gs_a_{SECRET}\n", f"GS_a_{SECRET}", f"gs_é_{SECRET}"]
)
def test_other_texts_are_no_keys(text: str) -> None:
    assert read_key(text) == ("", "")


@pytest.mark.parametrize(
    ("id_", "name", "scopes", "field"),
    [
        ("", "", ["events:write"], "id"),
        ("a_b", "", ["events:write"], "id"),
        ("a" * 33, "", ["events:write"], "id"),
        ("a", "x\n", ["events:write"], "name"),
        ("a", "", [], "scope"),
        ("a", "", ["events:write", "all"], "scope"),
    ],
)
def test_a_key_that_cannot_be_names_the_field(id_: str, name: str, scopes: list[str], field: str) -> None:
    with pytest.raises(InputError) as caught:
        new_key(id_, name, scopes, SECRET, 5)
    assert caught.value.field == field


def test_plans_add_once_disable_enable_and_delete() -> None:
    state = made("a")
    with pytest.raises(ConflictError):
        plan_add(state.api_keys["a"])(state)
    with pytest.raises(NotFoundError):
        plan_delete(["a", "b"])(state)
    builder = Builder(state)
    for disabled in (True, False):
        records, _ = plan_disabled(["a", "a"], disabled=disabled)(builder.build(2))
        (record,) = records
        builder.feed(*record)
        assert builder.build(3).api_keys["a"].disabled is disabled
        unchanged, told = plan_disabled(["a"], disabled=disabled)(builder.build(3))
        assert unchanged == []
        assert [key.id for key in told] == ["a"]
    builder.feed(*plan_delete(["a"])(builder.build(4))[0][0])
    assert builder.build(5).api_keys == {}
