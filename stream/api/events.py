"""`POST /v1/events`: conversions from other systems, one or many in a request."""

import asyncio
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from math import ceil
from typing import Any, Final

import orjson
from fastapi import FastAPI, HTTPException, Request, Response

from schemas.registry import ApiKey
from stream.api import bodies, event_document, keys, models, problems
from stream.api.batches import TooManyError, from_json, from_lines
from stream.api.limits import Buckets
from stream.api.ports import Ports
from stream.base.errors import InputError
from stream.intake import Intake, Outcome

_CUT: Final[dict[str, Callable[[bytes, int], list[bytes]]]] = {
    "application/json": from_json,
    "application/x-ndjson": from_lines,
}
_UNREADABLE: Final = frozenset({"not_json", "not_utf8"})
_SLICE_S: Final = 0.002
"""Between two looks at other requests: about a hundred events, or a single one that is hard to read."""
_STATUSES: Final = (
    *keys.STATUSES,
    *bodies.STATUSES,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.TOO_MANY_REQUESTS,
)


def install(app: FastAPI, ports: Ports) -> None:
    """Add the route."""
    api = ports.settings.api
    turns = Turns(ports.intake)
    needs_key = ports.api_keys.needs("events:write")

    @app.post(
        "/v1/events",
        tags=["events"],
        operation_id="post_events",
        summary="Hand in events",
        description=event_document.DESCRIPTION,
        status_code=HTTPStatus.ACCEPTED,
        response_model=models.EventOutcomes,
        responses=problems.responses(*_STATUSES) | event_document.EXAMPLE_ANSWER,
        openapi_extra=event_document.request_body(api.max_events),
    )
    async def post(request: Request, key: ApiKey = needs_key) -> Response:
        cut = _cutter(request.headers.get("content-type", ""))
        reading = ports.bodies.read_unpacked(request, max_bytes=api.max_body_bytes, max_unpacked=api.max_unpacked_bytes)
        async with reading as body:
            try:
                events = cut(body, api.max_events)
            except TooManyError as error:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {api.max_events} events; send less at a time"
                ) from error
            if not events:
                raise InputError("there is no event in the body")
            check_quota(ports.quotas, key, len(events))
            outcomes = await turns.take(events)
        if all(outcome.reason in _UNREADABLE for outcome in outcomes):
            raise HTTPException(HTTPStatus.BAD_REQUEST, f"no event in the body is JSON: {outcomes[0].detail}")
        return Response(answer(outcomes), status_code=HTTPStatus.ACCEPTED, media_type="application/json")


class Turns:
    """Hands events to the intake in slices, in turn with those of other requests, so that nobody waits long."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._turn = asyncio.Lock()

    async def take(self, events: Sequence[bytes]) -> list[Outcome]:
        """One outcome for each event, in order.

        Raises:
            SpoolFullError: the rest is not kept; the whole request can be sent again, what was kept counts once.
        """
        outcomes: list[Outcome] = []
        left = iter(events)
        while len(outcomes) < len(events):
            async with self._turn:
                until = time.monotonic() + _SLICE_S
                for event in left:
                    outcomes.append(self._intake.take_json(event))
                    if time.monotonic() > until:
                        break
                await asyncio.sleep(0)  # within the turn: else each request would put in a slice before others are seen
        return outcomes


def check_quota(quotas: Buckets, key: ApiKey, count: int) -> None:
    """Raise 429 when a key hands in more events than it may."""
    wait = quotas.take(key.id, count, time.monotonic())
    if wait:
        raise HTTPException(
            HTTPStatus.TOO_MANY_REQUESTS,
            "this key sends more events a second than it may; none of these was taken",
            headers={"Retry-After": str(ceil(wait))},
        )


def answer(outcomes: Sequence[Outcome]) -> bytes:
    """The JSON of `models.EventOutcomes`; pydantic would take longer for it than all the rest takes."""
    counts = {"accepted": 0, "duplicate": 0, "rejected": 0}
    shown: list[dict[str, Any]] = []
    for outcome in outcomes:
        counts[outcome.status] += 1
        one: dict[str, Any] = {"event_id": outcome.event_id, "status": outcome.status}
        if outcome.status == "rejected":
            one["problem"] = _problem(outcome)
        shown.append(one)
    return orjson.dumps({**counts, "outcomes": shown})


def _problem(outcome: Outcome) -> dict[str, Any]:
    return {
        "type": "about:blank",
        "title": HTTPStatus.UNPROCESSABLE_ENTITY.phrase,
        "status": int(HTTPStatus.UNPROCESSABLE_ENTITY),
        "detail": outcome.detail,
        "field": outcome.field,
        "reason": outcome.reason,
    }


def _cutter(content_type: str) -> Callable[[bytes, int], list[bytes]]:
    media_type, _, parameters = content_type.partition(";")
    cut = _CUT.get(media_type.strip().lower())
    charset = parameters.lower().replace(" ", "").replace('"', "")
    if cut is None or charset not in ("", "charset=utf-8"):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: send {' or '.join(_CUT)}, in UTF-8")
    return cut
