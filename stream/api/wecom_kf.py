"""`POST /v1/wecom/{corp}/kf`: what the operator's puller got from WeChat customer service (微信客服)."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import FastAPI, Path, Request, Response

from schemas.registry import ApiKey
from stream.api import bodies, keys, models, problems
from stream.api.events import answer, check_quota
from stream.api.ports import Ports
from stream.wecom.callback import Corp
from stream.wecom.kf import MAX_BODY, MAX_PAGE, read_page, to_conversion

SOURCE: Final = "wecom_kf"
"""Of the intake's metric."""
BODY_STATUSES: Final = tuple(status for status in bodies.STATUSES if status != HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
"""What a route that reads a body as it was sent may also answer."""
_DESCRIPTION: Final = """\
The answer of `/cgi-bin/kf/sync_msg` as it is. Who entered a session by a link with our token in `scene_param` is
credited to that click; there is one outcome for each `enter_session`, and all other messages are passed over. Send a
page again as often as you like: a `msgid` counts once."""
_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["msg_list"],
                    "properties": {
                        "msg_list": {
                            "type": "array",
                            "maxItems": MAX_PAGE,
                            "items": {
                                "type": "object",
                                "required": ["msgid", "send_time", "msgtype"],
                                "properties": {
                                    "msgid": {"type": "string"},
                                    "send_time": {"type": "integer", "description": "seconds since 1970"},
                                    "msgtype": {"type": "string"},
                                    "event": {
                                        "type": "object",
                                        "properties": {
                                            name: {"type": "string"}
                                            for name in (
                                                "event_type",
                                                "open_kfid",
                                                "external_userid",
                                                "scene",
                                                "scene_param",
                                            )
                                        },
                                    },
                                },
                            },
                        }
                    },
                }
            }
        },
    }
}


def install(app: FastAPI, ports: Ports, find: Callable[[str], Corp]) -> None:
    """Add the route; `find` gives the callback URL of a name, or raises NotFoundError."""
    needs_key = ports.api_keys.needs("events:write")

    @app.post(
        "/v1/wecom/{corp}/kf",
        tags=["events"],
        operation_id="post_wecom_kf",
        summary="Hand in messages of WeChat customer service",
        description=_DESCRIPTION,
        status_code=HTTPStatus.ACCEPTED,
        response_model=models.EventOutcomes,
        responses=problems.responses(
            *keys.STATUSES,
            *(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.TOO_MANY_REQUESTS),
            *BODY_STATUSES,
        ),
        openapi_extra=_BODY,
    )
    async def post(
        request: Request,
        corp: Annotated[str, Path(min_length=1, max_length=32)],
        key: ApiKey = needs_key,
    ) -> Response:
        corp_id = find(corp).corp_id
        async with ports.bodies.read(request, max_bytes=MAX_BODY, known=True) as body:
            events = [event for message in read_page(body) if (event := to_conversion(message, corp_id))]
        check_quota(ports.quotas, key, len(events))
        outcomes = [ports.intake.take(event, source=SOURCE) for event in events]
        return Response(answer(outcomes), status_code=HTTPStatus.ACCEPTED, media_type="application/json")
