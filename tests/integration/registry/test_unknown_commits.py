"""A commit whose answer is lost: the change is made once, and said to be made only when it was."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced, RequestTimedOutError

from schemas.registry import ApiKey
from stream.base.errors import ConflictError
from stream.base.settings import Settings
from stream.registry import writer as writer_module
from stream.registry.api_keys import new_key, plan_add, plan_delete, plan_disabled
from stream.registry.snapshot import Builder
from stream.registry.writer import Plan, Writer
from tests.support import registry as make

OLD = replace(new_key("old", "", ["events:write"], "o" * 43, 1), disabled=True)
LEAKED = new_key("leaked", "", ["events:write"], "l" * 43, 1)
THIRD = new_key("third", "", ["events:write"], "t" * 43, 1)
NEW = new_key("new", "", ["events:write"], "n" * 43, 1)


@dataclass(frozen=True)
class Case:
    """A change that is under way when others make theirs, and which keys are in force in the end."""

    change: Plan[Any]
    others: Sequence[Plan[Any]]
    in_force: set[str]
    committed: bool


DISABLE_TWO = plan_disabled(["old", "leaked"], disabled=True)
CASES = {
    "made": Case(DISABLE_TWO, (), {"third"}, committed=True),
    "not made, a part of it was so before": Case(DISABLE_TWO, (), {"third"}, committed=False),
    "not made, others make a part of it": Case(
        plan_disabled(["leaked", "third"], disabled=True),
        (plan_disabled(["leaked"], disabled=True),),
        set(),
        committed=False,
    ),
    "made, and undone by others": Case(
        plan_disabled(["leaked"], disabled=True),
        (plan_disabled(["leaked"], disabled=False),),
        {"leaked", "third"},
        committed=True,
    ),
    "made, and others go on from it": Case(DISABLE_TWO, (plan_delete(["leaked"]),), {"third"}, committed=True),
    "a deletion made": Case(plan_delete(["leaked"]), (), {"third"}, committed=True),
    "a deletion not made": Case(plan_delete(["leaked"]), (), {"third"}, committed=False),
    "an addition made, and changed by others": Case(
        plan_add(NEW), (plan_disabled(["new"], disabled=True),), {"leaked", "third"}, committed=True
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_a_change_whose_commit_is_unknown_is_made_exactly_once(
    kafka_topics: Settings, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    monkeypatch.setattr(writer_module, "_DEAD_AFTER_S", 0.2)
    await Writer(kafka_topics).change(make.writes(OLD, LEAKED, THIRD))
    told = await _interrupted(kafka_topics, case, monkeypatch)
    keys = (await Writer(kafka_topics).read()).api_keys
    assert {id_ for id_, key in keys.items() if not key.disabled} == case.in_force
    expected = case.change(Builder().add(OLD, LEAKED, THIRD).build())[1]
    assert _ids(told) == _ids(expected)


async def test_the_last_attempt_is_looked_up_too_before_a_change_is_given_up(
    kafka_topics: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "_DEAD_AFTER_S", 0.2)
    monkeypatch.setattr(writer_module, "_ATTEMPTS", 1)
    made, not_made = (Case(plan_add(key), (), set(), committed=key is LEAKED) for key in (LEAKED, THIRD))
    assert await _interrupted(kafka_topics, made, monkeypatch, ProducerFenced) == LEAKED
    with pytest.raises(ConflictError, match="others"):
        await _interrupted(kafka_topics, not_made, monkeypatch, ProducerFenced)
    # The next change ends what an unanswered one may have left open.
    await Writer(kafka_topics).change(make.writes(OLD))
    assert (await Writer(kafka_topics).read()).api_keys == {"leaked": LEAKED, "old": OLD}


async def _interrupted(
    settings: Settings,
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    error: type[Exception] = RequestTimedOutError,
) -> Any:
    """Make the change; its first commit ends in the error, and the others come before it is tried again."""
    commit = Writer._commit

    async def unanswered(writer: Writer, producer: Any) -> None:
        monkeypatch.setattr(Writer, "_commit", commit)
        if case.committed:
            await commit(writer, producer)
        for other in case.others:
            await Writer(settings).change(other)
        raise error

    monkeypatch.setattr(Writer, "_commit", unanswered)
    return await Writer(settings).change(case.change)


def _ids(told: ApiKey | Sequence[ApiKey]) -> list[str]:
    return [key.id for key in ([told] if isinstance(told, ApiKey) else told)]
