"""`GET|POST /callbacks/wecom/{corp}`: what WeCom (企业微信) tells a callback URL.

WeCom gives an answer 1 second (GET) or 5 seconds (POST) and asks again up to three times; anything but 200 counts as a
failure. So what is believed is answered with 200 as soon as it is on disk, also when nothing can be made of it, and
503 is said only when asking again can help.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, HTTPException, Path, Request
from fastapi.responses import PlainTextResponse

from stream.api import problems, wecom_kf
from stream.api.ports import Ports
from stream.base import log
from stream.base.errors import InputError, NotFoundError, UnavailableError
from stream.base.metrics import (
    WECOM_CALLBACKS,
    WECOM_MESSAGES,
    WECOM_REFUSED,
    WECOM_STATES,
    WECOM_UNKNOWN_GUIDES,
)
from stream.intake import Intake
from stream.wecom import config
from stream.wecom.callback import MAX_BODY, Corp, Proof, open_echo, open_message
from stream.wecom.events import KINDS, Mapped, to_conversions
from stream.wecom.reading import STATES
from stream.wecom.refusal import REASONS, Refused
from stream.wecom.replay import Seen

SOURCE: Final = "wecom"
"""Of the intake's metric."""
_SUCCESS: Final = "success"
_Outcome = Literal[
    "verified",  # the check of the URL
    "taken",  # at least one event of it is kept
    "replayed",  # the same request was taken before
    "passed_over",  # of a kind that makes no event
    "unusable",  # nothing could be made of it, though its kind is known
]
_OUTCOMES: Final[tuple[_Outcome, ...]] = _Outcome.__args__  # type: ignore[attr-defined]
_PARAMETERS: Final = {
    "msg_signature": "SHA-1 of token, timestamp, nonce and the sealed text, in hex",
    "timestamp": "seconds since 1970, at most 5 minutes from now",
    "nonce": "letters, digits, - and _",
}
_ECHO: Final = {"echostr": "a sealed text, to be answered opened"}
_log = log.get(__name__)

Name = Annotated[str, Path(min_length=1, max_length=32, description="table of the operator's file")]


def install(app: FastAPI, ports: Ports) -> None:
    """Add the routes.

    Raises:
        SettingsError: names all that is wrong with `wecom.config_file`.
    """
    callbacks = Callbacks(config.load(ports.settings.wecom.config_file), ports)
    wecom_kf.install(app, ports, callbacks.find)

    @app.get(
        "/callbacks/wecom/{corp}",
        tags=["callbacks"],
        operation_id="verify_wecom_callback",
        summary="WeCom checks the URL",
        response_class=PlainTextResponse,
        responses=problems.responses(HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY),
        openapi_extra={"parameters": _documented({**_PARAMETERS, **_ECHO})},
    )
    async def verify(request: Request, corp: Name) -> PlainTextResponse:
        return PlainTextResponse(callbacks.verify(callbacks.find(corp), request))

    @app.post(
        "/callbacks/wecom/{corp}",
        tags=["callbacks"],
        operation_id="receive_wecom_callback",
        summary="WeCom tells of something",
        response_class=PlainTextResponse,
        responses=problems.responses(
            HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, *wecom_kf.BODY_STATUSES
        ),
        openapi_extra={
            "parameters": _documented(_PARAMETERS),
            "requestBody": {
                "required": True,
                "content": {"text/xml": {"schema": {"type": "string", "maxLength": MAX_BODY}}},
            },
        },
    )
    async def receive(request: Request, corp: Name) -> PlainTextResponse:
        found = callbacks.find(corp)
        async with ports.bodies.read(request, max_bytes=MAX_BODY) as body:
            callbacks.receive(found, request, body)
        return PlainTextResponse(_SUCCESS)


class Callbacks:
    """Answers requests to the callback URLs of one process."""

    def __init__(self, corps: dict[str, Corp], ports: Ports) -> None:
        self._corps, self._ports = corps, ports
        self._seen = {name: Seen() for name in corps}
        for name in corps:
            _show_zeros(name)

    def find(self, name: str) -> Corp:
        """The callback URL of this name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self._corps:
            raise NotFoundError("there is no callback URL of this name", field="corp")
        return self._corps[name]

    def verify(self, corp: Corp, request: Request) -> str:
        """The answer to a check of the URL."""
        try:
            found = _parameters(request, (*_PARAMETERS, *_ECHO))
            echo = open_echo(corp, _proof(found), found["echostr"], self._ports.clock())
        except Refused as refused:
            raise _error(corp, refused) from None
        _count(corp, "verified")
        return echo

    def receive(self, corp: Corp, request: Request, body: bytes) -> None:
        """Take in what a request tells; when this returns it is on disk.

        Raises:
            SpoolFullError: there is no room for it; what was kept of it counts once when it comes again.
            UnavailableError: who the guides are is not known yet.
        """
        now_ms = self._ports.clock()
        try:
            proof = _proof(_parameters(request, tuple(_PARAMETERS)))
            message = open_message(corp, proof, body, now_ms)
        except Refused as refused:
            raise _error(corp, refused) from None
        seen = self._seen[corp.name]
        # WeCom asks again when it did not get our answer, so a replay is told what the first one was told.
        if seen.has(proof.msg_signature, now_ms):
            _count(corp, "replayed")
            return
        if not self._ports.registry.ready:
            raise UnavailableError("the registry was not read yet; try again in a moment")
        mapped = to_conversions(message, corp, self._ports.registry.snapshot.guide_of_wecom)
        outcome = _take(mapped, self._ports.intake, corp)
        seen.add(proof.msg_signature, now_ms)
        _count(corp, outcome, mapped)


def _take(mapped: Mapped, intake: Intake, corp: Corp) -> _Outcome:
    if mapped.problem:
        _log.warning("WeCom message without an event", corp=corp.name, kind=mapped.kind, problem=mapped.problem)
        return "unusable"
    kept = 0
    for event in mapped.events:
        outcome = intake.take(event, source=SOURCE)
        kept += outcome.status != "rejected"
        if outcome.status == "rejected":
            _log.warning(
                "WeCom event rejected", corp=corp.name, kind=mapped.kind, field=outcome.field, reason=outcome.reason
            )
    return "taken" if kept else "unusable" if mapped.events else "passed_over"


def _parameters(request: Request, names: tuple[str, ...]) -> dict[str, str]:
    """These parameters of the query, each of which must be there once."""
    found: dict[str, str] = {}
    for name in names:
        values = request.query_params.getlist(name)
        if len(values) != 1:
            raise Refused("form", f"{name}: must be in the query once, is there {len(values)} times")
        found[name] = values[0]
    return found


def _proof(found: dict[str, str]) -> Proof:
    return Proof(found["msg_signature"], found["timestamp"], found["nonce"])


def _error(corp: Corp, refused: Refused) -> Exception:
    WECOM_REFUSED.labels(corp.name, refused.reason).inc()
    _log.debug("WeCom callback refused", corp=corp.name, reason=refused.reason, detail=refused.detail)
    if refused.reason == "form":
        return InputError(refused.detail)
    return HTTPException(HTTPStatus.FORBIDDEN, refused.detail)


def _count(corp: Corp, outcome: _Outcome, mapped: Mapped | None = None) -> None:
    WECOM_CALLBACKS.labels(corp.name, outcome).inc()
    if mapped is None:
        return
    WECOM_MESSAGES.labels(corp.name, mapped.kind).inc()
    if mapped.state:
        WECOM_STATES.labels(corp.name, mapped.state).inc()
    WECOM_UNKNOWN_GUIDES.labels(corp.name).inc(mapped.unknown_guides)


def _show_zeros(name: str) -> None:
    """Let every series start at 0: a rule sees the first one of its kind only as a rise."""
    for outcome in _OUTCOMES:
        WECOM_CALLBACKS.labels(name, outcome)
    for reason in REASONS:
        WECOM_REFUSED.labels(name, reason)
    for kind in KINDS:
        WECOM_MESSAGES.labels(name, kind)
    for state in STATES:
        WECOM_STATES.labels(name, state)
    WECOM_UNKNOWN_GUIDES.labels(name)


def _documented(parameters: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "query", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in parameters.items()
    ]
