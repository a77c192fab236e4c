"""`POST /v1/webhooks/{source}`: signed messages of shops and mini-programs, as events by the source's mapping.

A sender repeats a message until it is answered 2xx, so what is signed, fresh and readable is answered 202 whatever
became of its events: an event that is refused today is refused tomorrow.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

import orjson
from fastapi import FastAPI, HTTPException, Path, Request

from schemas.rejects import Reject
from stream.api import bodies, problems
from stream.api.ports import Ports
from stream.api.signatures import Signed
from stream.api.webhook_answer import WebhookOutcomes, shown
from stream.api.webhook_sources import WEBHOOK_ID, Source, load_sources
from stream.base import log
from stream.base.errors import InputError
from stream.base.metrics import WEBHOOKS
from stream.intake import Intake, Outcome
from stream.intake.outcome import rejected
from stream.intake.recent import Recent
from stream.mapping import MAX_DEPTH, Skipped, depth_exceeds

_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_LABEL: Final = "webhook"
_RECENT_MESSAGES: Final = 100_000
"""Remembered at least. A message that was forgotten and comes again makes the same event ids as before."""
_STATUSES: Final = (
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    *(status for status in bodies.STATUSES if status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
)
_log = log.get(__name__)


def install(app: FastAPI, ports: Ports) -> None:
    """Add the route; raises SettingsError when the file of sources is not good."""
    sources = load_sources(ports.settings)
    receiver = Receiver(ports)

    @app.post(
        "/v1/webhooks/{source}",
        tags=["events"],
        operation_id="post_webhook",
        summary="Hand in a signed message of another system",
        description="Signed after Standard Webhooks 1.0.0. What the message means is the operator's mapping.",
        status_code=HTTPStatus.ACCEPTED,
        responses=problems.responses(*_STATUSES),
        openapi_extra={
            "parameters": [
                {"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in _HEADERS
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
        },
    )
    async def receive(
        request: Request, source: Annotated[str, Path(description="name of the sender")]
    ) -> WebhookOutcomes:
        known = sources.get(source)
        if known is None:
            raise HTTPException(HTTPStatus.NOT_FOUND, "there is nothing here")
        return await receiver.receive(request, known)


class Receiver:
    """Takes messages of known sources."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._recent = Recent(_RECENT_MESSAGES)

    async def receive(self, request: Request, source: Source) -> WebhookOutcomes:
        """One request; raises what is answered as a problem."""
        signed = Signed.read(*(request.headers.getlist(name) for name in _HEADERS))
        if signed is None or not signed.fresh(self._ports.clock()):
            raise _unsigned(source)
        async with self._ports.bodies.read(request, max_bytes=self._ports.settings.webhooks.max_bytes) as body:
            if not signed.by_one_of(source.secrets, body):
                raise _unsigned(source)
            # Nothing is awaited from here on, so of two requests with one id the second finds the first's note.
            digest = self._recent.digest(f"{source.name} {signed.id}")
            if self._recent.has(digest):
                _count(source, "replayed")
                return WebhookOutcomes(replayed=True)
            results = _taken(source, signed, _payload(source, body), self._ports.intake)
            self._recent.add(digest)
        return WebhookOutcomes(outcomes=tuple(map(shown, results)))


def _unsigned(source: Source) -> HTTPException:
    _count(source, "unsigned")
    # One answer for all reasons: which of them it was helps only somebody who guesses.
    return HTTPException(HTTPStatus.UNAUTHORIZED, f"{', '.join(_HEADERS)}: not by a secret in force, or not fresh")


def _payload(source: Source, body: bytes) -> Any:
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        _count(source, "unreadable")
        raise InputError(f"is no JSON: {error}", field="body") from error
    if depth_exceeds(payload, MAX_DEPTH):
        _count(source, "unreadable")
        raise InputError(f"is nested deeper than {MAX_DEPTH} levels", field="body")
    return payload


def _taken(source: Source, signed: Signed, payload: Any, intake: Intake) -> list[Outcome | Skipped]:
    results: list[Outcome | Skipped] = []
    for mapped in source.mapper.events(payload, {WEBHOOK_ID: signed.id}):
        if isinstance(mapped, Skipped):
            results.append(mapped)
            continue
        outcome = rejected("", mapped) if isinstance(mapped, Reject) else intake.take(mapped, source=_LABEL)
        results.append(outcome)
        if outcome.status == "rejected":
            # Senders do not read answers. What the field holds may be somebody's name, so it is not logged.
            _log.warning(
                "webhook refused", source=source.name, id=signed.id, field=outcome.field, reason=outcome.reason
            )
    refused = any(isinstance(result, Outcome) and result.status == "rejected" for result in results)
    skipped = all(isinstance(result, Skipped) for result in results)
    _count(source, "refused" if refused else "skipped" if skipped else "taken")
    return results


def _count(source: Source, outcome: str) -> None:
    WEBHOOKS.labels(source.name, outcome).inc()
