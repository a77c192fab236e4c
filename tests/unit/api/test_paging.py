"""The order of ids is sorted when the registry changes, and not for every page."""

from types import SimpleNamespace

import pytest

from schemas.registry import Guide, Link, Store
from stream.api import paging
from stream.api.paging import Order
from stream.registry.snapshot import Builder


def link(code: str) -> Link:
    return Link(code, 1, "web", "https://shop.example/")


def test_a_new_link_is_there_at_once_in_a_small_registry() -> None:
    order = Order("link")
    first = Builder().add(link("b"), link("a")).build(1)
    assert order.after(first, "", 10) == ["a", "b"]
    second = Builder(first).add(link("aa")).build(2)
    assert order.after(second, "a", 10) == ["aa", "b"]


def test_what_did_not_change_is_not_sorted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order("guide")
    first = Builder().add(Guide("g2", "", "s"), Guide("g1", "", "s")).build(1)
    order.after(first, "", 10)
    monkeypatch.setattr(paging, "sorted", lambda _: pytest.fail("sorted again"), raising=False)
    other = Builder(first).add(Store("s", "", "r"), link("a")).build(2)
    assert order.after(other, "g1", 10) == ["g2"]


def test_while_a_large_registry_changes_all_the_time_sorting_takes_a_bounded_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = iter([0.0, 1.0, 5.0, 11.5, 12.0])
    monkeypatch.setattr(paging, "time", SimpleNamespace(monotonic=lambda: next(now)))
    order = Order("link")
    first = Builder().add(link("a")).build(1)
    second = Builder(first).add(link("b")).build(2)
    assert order.after(first, "", 10) == ["a"]  # from 0 to 1: the next at 11
    assert order.after(second, "", 10) == ["a"]
    assert order.after(second, "", 10) == ["a", "b"]
