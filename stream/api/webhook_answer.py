"""What a webhook is answered: the shapes of its JSON."""

from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from stream.api.models import Body, EventProblem
from stream.intake import Outcome
from stream.mapping import Skipped


class WebhookOutcome(Body):
    """What became of one event that a message stood for."""

    event_id: Annotated[str, Field(description="empty when it has none")] = ""
    status: Annotated[
        Literal["accepted", "duplicate", "rejected", "skipped"],
        Field(description="skipped: the source's mapping passes over it"),
    ]
    problem: Annotated[EventProblem | None, Field(description="only of a rejected event")] = None
    why: Annotated[str, Field(description="only of a skipped event")] = ""


class WebhookOutcomes(Body):
    """What became of a message."""

    replayed: Annotated[bool, Field(description="it was taken before, and changed nothing now")] = False
    outcomes: Annotated[tuple[WebhookOutcome, ...], Field(description="one for each event that it stood for")] = ()


def shown(result: Outcome | Skipped) -> WebhookOutcome:
    """One event's fate as it is answered."""
    if isinstance(result, Skipped):
        return WebhookOutcome(status="skipped", why=result.reason)
    if result.status != "rejected":
        return WebhookOutcome(event_id=result.event_id, status=result.status)
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    problem = EventProblem(
        title=status.phrase, status=status, detail=result.detail, field=result.field, reason=result.reason
    )
    return WebhookOutcome(event_id=result.event_id, status="rejected", problem=problem)
